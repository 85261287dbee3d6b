#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "support/prompts.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

// Mixtures of experts: the router's choice and the sum over the chosen experts.

namespace lensbench {
namespace {

using lensbench::testing::largest_difference;
using testing::prompt_of;

// Float32 sums in another order differ by a few units in the last place of values of size 1 to 10.
constexpr double kRoundingOfExperts = 2e-5;

TransformerSpec small_mixture_spec() {
  TransformerSpec spec = small_llama_spec();
  spec.mlp.n_experts = 5;
  spec.mlp.experts_per_token = 2;
  return spec;
}

TEST(Mixture, SumsItsExpertsByTheirShareOfTheProbability) {
  const auto model = random_model(small_mixture_spec(), 7, at::kFloat, 0.3);
  const TokenBatch batch =
      make_batch(std::vector<Tokens>{prompt_of({3, 14, 15}), prompt_of({9, 26, 5})});
  const auto seen =
      run_with_cache(*model, batch,
                     {"blocks.1.mlp.*", "blocks.1.ln2.hook_normalized", "blocks.1.hook_mlp_out"})
          .cache;
  const at::Tensor x =
      seen["blocks.1.ln2.hook_normalized"].mul(model->weight("blocks.1.ln2.w")).flatten(0, 1);
  const at::Tensor p = at::softmax(x.matmul(model->weight("blocks.1.mlp.W_gate")), -1);
  EXPECT_LT(largest_difference(p, seen["blocks.1.mlp.hook_expert_weights"]), kRoundingOfExperts);
  const at::Tensor chosen = seen["blocks.1.mlp.hook_expert_indices"];
  ASSERT_EQ(chosen.sizes(), at::IntArrayRef({6, 2}));
  for (std::int64_t row = 0; row < 6; ++row) {
    at::Tensor sum = at::zeros({24});
    double share = 0.0;
    for (std::int64_t k = 0; k < 2; ++k) {
      const auto e = chosen[row][k].item<std::int64_t>();
      const std::string expert = "blocks.1.mlp.experts." + std::to_string(e) + ".";
      const at::Tensor gate = at::silu(x[row].matmul(model->weight(expert + "W_gate")));
      const at::Tensor inner = gate.mul(x[row].matmul(model->weight(expert + "W_in")));
      const double weight = p[row][e].item<double>();
      sum += inner.matmul(model->weight(expert + "W_out")).mul(weight);
      share += weight;
    }
    EXPECT_LT(largest_difference(sum.div(share), seen["blocks.1.hook_mlp_out"].flatten(0, 1)[row]),
              kRoundingOfExperts);
  }
}

TEST(Mixture, FollowsAReplacedChoiceOfExpertsAndRefusesOneThatDoesNotExist) {
  const auto model = random_model(small_mixture_spec(), 7, at::kFloat, 0.3);
  const TokenBatch batch = make_batch(prompt_of({3, 14, 15}));
  const auto with = [&](std::int64_t expert) {
    return model
        ->forward(batch, {},
                  Hooks().replace("blocks.2.mlp.hook_expert_indices",
                                  [&](const at::Tensor& x, const HookPoint&) {
                                    return at::full_like(x, expert);
                                  }))
        .logits;
  };
  EXPECT_FALSE(at::equal(with(0), with(1)));
  EXPECT_THROW(with(5), UsageError);
  EXPECT_THROW(match_hook_points(small_mixture_spec(), "blocks.0.mlp.hook_post"), UsageError);
}

}  // namespace
}  // namespace lensbench
