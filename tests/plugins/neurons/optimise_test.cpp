// Optima that are known, and what holds whatever the weights.
#include "neurons/optimise.hpp"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/random.hpp>

#include "neurons/neuron_explorer.hpp"
#include "support/bench.hpp"
#include "support/planted_facts.hpp"
#include "support/random_model.hpp"
#include "support/results.hpp"

namespace lensbench::neurons {

using testing::expect_receipts_hold;
namespace {

using OptimiseBench = lensbench::testing::ToolBench<NeuronExplorerTool>;

TEST(Ascend, FindsTheOptimumOfALinearNeuronOnASphere) {
  at::manual_seed(4);
  const at::Tensor w = at::randn({3, 20}), start = at::randn({3, 20});
  const double radius = 2.5;
  const Differentiable linear = [&](const at::Tensor& x) {
    return ValueAndGradient{(x * w).sum().item<double>(), w};
  };
  const at::Tensor best = ascend(linear, start, radius, 200);
  const double optimum = radius * w.norm(2, 1).sum().item<double>();
  EXPECT_GT((best * w).sum().item<double>(), 0.999 * optimum);
  EXPECT_LT((best.norm(2, 1) / radius - 1).abs().max().item<double>(), 1e-5);
}

TEST(Ascend, KeepsTheBestThatItSaw) {
  // The second value is the largest, whatever the gradient says.
  std::vector<double> values = {1, 5, 2, 3};
  std::vector<at::Tensor> seen;
  const Differentiable given = [&](const at::Tensor& x) {
    seen.push_back(x);
    return ValueAndGradient{values[seen.size() - 1], at::ones_like(x)};
  };
  const at::Tensor best = ascend(given, at::tensor({1.0F, -2.0F}).view({1, 2}), 1.0, 3);
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_TRUE(at::equal(best, seen[1]));
}

TEST(OptimisedInput, OfAPlantedNeuronIsItsSubject) {
  const testing::FactTokens tokens;
  OptimiseBench bench(testing::fact_model().open(), tokens.prompt(0));
  const Dataset found = bench.tool.explore(
      bench.tokens, Target::model(),
      {.neurons = {{1, 0}, {1, 2}}, .optimise = {"embedding", "tokens"}, .length = 3});
  expect_receipts_hold(found);
  for (std::int64_t n = 0; n < 2; ++n) {
    const std::int64_t subject = tokens.subject(n == 0 ? 0 : 2);
    // Five of the eight tokens have an embedding, of length sqrt 2; all of the last row's length
    // on the neuron's feature gives 5/8 of the subject's activation, which is 1.
    EXPECT_NEAR(found["optimised_activation"].tensor[n].item<double>(), 0.625, 0.625e-3);
    EXPECT_EQ(found["nearest_token"].tensor[n][2].item<std::int64_t>(), subject);
    EXPECT_NEAR(found["nearest_activation"].tensor[n].item<double>(), 1, 1e-5);
    EXPECT_EQ(found["optimised_token"].tensor[n][2].item<std::int64_t>(), subject);
    EXPECT_NEAR(found["tokens_activation"].tensor[n].item<double>(), 1, 1e-5);
  }
}

TEST(OptimisedInput, OfTokensIsThatOfARunAndBetterThanRandomOnes) {
  OptimiseBench bench(random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), {3, 17, 5});
  const Dataset found = bench.tool.explore(
      bench.tokens, Target::model(),
      {.neurons = {{2, 7}}, .optimise = {"tokens"}, .optimise_steps = 50, .length = 4});
  EXPECT_FALSE(found.contains("optimised_activation"));
  const at::Tensor ids = found["optimised_token"].tensor[0].to(at::kLong);
  const auto activation_of = [&](const std::vector<std::int64_t>& input) {
    const Tokens given = tokens_from_ids(*bench.model, input);
    return bench.context.activations(given, {"blocks.2.mlp.hook_post"})
        .at("blocks.2.mlp.hook_post")[0][3][7]
        .item<double>();
  };
  const double best = found["tokens_activation"].tensor[0].item<double>();
  EXPECT_NEAR(activation_of({ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + 4}), best,
              1e-5);
  Philox random(9);
  double of_random = -1e300;
  const auto size = static_cast<std::uint64_t>(bench.model->spec().vocab_size);
  for (int i = 0; i < 30; ++i) {
    std::vector<std::int64_t> input(4);
    for (std::int64_t& id : input) id = static_cast<std::int64_t>(random.below(size));
    of_random = std::max(of_random, activation_of(input));
  }
  EXPECT_GT(best, of_random);
}

}  // namespace
}  // namespace lensbench::neurons
