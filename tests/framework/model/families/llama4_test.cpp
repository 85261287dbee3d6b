#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

// Llama 4: what its blocks with and without rotation do to queries and keys, and what its experts
// read. The sample has one block of each kind; its logits are compared with transformers in
// forward/sample_parity_test.cpp.

namespace lensbench {
namespace {

using lensbench::testing::largest_difference;

// Float32 sums in another order, of values of size 1 to 10.
constexpr double kOtherSums = 2e-5;

class Llama4 : public ::testing::Test {
 protected:
  ActivationCache seen(const std::vector<std::string>& globs) const {
    return run_with_cache(*model_, {at::arange(1, 21, at::kLong).unsqueeze(0), {}}, globs).cache;
  }
  at::Tensor weight(const std::string& name) const {
    return model_->weight("blocks.0.mlp." + name);
  }
  /// An MLP with gate, by the names of its matrices.
  at::Tensor mlp_of(const std::string& name, const at::Tensor& x) const {
    const at::Tensor gate = at::silu(x.matmul(weight(name + ".W_gate")));
    return (gate * x.matmul(weight(name + ".W_in"))).matmul(weight(name + ".W_out"));
  }

  std::shared_ptr<const Model> model_ = testing::sample("llama4");
};

TEST_F(Llama4, NormalisesQueriesAndKeysOfBlocksThatRotate) {
  const auto points = seen({"blocks.*.attn.hook_rot_*"});
  for (const std::string letter : {"q", "k"}) {
    const at::Tensor sizes = points["blocks.0.attn.hook_rot_" + letter].square().mean(-1);
    EXPECT_LT(testing::largest(sizes - 1.0), 1e-2) << letter;  // epsilon is 1e-5
    EXPECT_GT(testing::largest(points["blocks.1.attn.hook_rot_" + letter].square().mean(-1) - 1.0),
              0.1);
  }
  EXPECT_THAT(testing::message_of<UsageError>(
                  [&] { match_hook_points(model_->spec(), "blocks.1.attn.q_norm.hook_scale"); }),
              ::testing::HasSubstr("this block does not normalise queries and keys"));
}

// `attn_scale` is 0.3 and `floor_scale` 5: 1 + 0.3 ln(1 + floor((position + 1) / 5)), where
// positions count from 0.
TEST_F(Llama4, LetsQueriesGrowInBlocksThatDoNotRotate) {
  const auto points = seen({"blocks.1.attn.hook_*"});
  const at::Tensor &plain = points["blocks.1.attn.hook_q"],
                   &grown = points["blocks.1.attn.hook_rot_q"];
  for (const auto& [position, times] : {std::pair(0, 0), {3, 0}, {4, 1}, {8, 1}, {9, 2}, {19, 4}}) {
    const double factor = 1.0 + 0.3 * std::log1p(times);
    EXPECT_LT(largest_difference(grown.select(1, position), plain.select(1, position) * factor),
              1e-6)
        << position;
  }
  EXPECT_TRUE(points["blocks.1.attn.hook_rot_k"].equal(points["blocks.1.attn.hook_k"]));
}

TEST_F(Llama4, GivesExpertsTheirInputTimesTheSigmoidOfTheScore) {
  const auto points =
      seen({"blocks.0.mlp.*", "blocks.0.ln2.hook_normalized", "blocks.0.hook_mlp_out"});
  const at::Tensor x =
      (points["blocks.0.ln2.hook_normalized"] * model_->weight("blocks.0.ln2.w"))[0];
  const at::Tensor &chosen = points["blocks.0.mlp.hook_expert_indices"],
                   &scores = points["blocks.0.mlp.hook_router_scores"];
  ASSERT_EQ(chosen.sizes(), at::IntArrayRef({20, 1}));
  for (std::int64_t row = 0; row < 20; ++row) {
    const auto expert = chosen[row][0].item<std::int64_t>();
    EXPECT_EQ(scores[row].argmax().item<std::int64_t>(), expert);
    const at::Tensor input = x[row] * scores[row][expert].sigmoid();
    const at::Tensor expected =
        mlp_of("shared_expert", x[row]) + mlp_of("experts." + std::to_string(expert), input);
    EXPECT_LT(largest_difference(points["blocks.0.hook_mlp_out"][0][row], expected), kOtherSums);
  }
}

}  // namespace
}  // namespace lensbench
