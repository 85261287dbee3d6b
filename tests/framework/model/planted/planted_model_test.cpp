// The hand-written models of tests/support compute what their comments say.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/context.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokenizer.hpp>
#include <lensbench/tokens.hpp>
#include <string>

#include "support/contexts.hpp"
#include "support/planted_attention.hpp"
#include "support/tensors.hpp"

namespace lensbench::testing {
namespace {

// The norm shrinks features by |x|^2 / (4 B^2), at most 5e-6 here.
constexpr double kNormError = 1e-5;

at::Tensor activation(const std::shared_ptr<const Model>& model,
                      const std::vector<std::int64_t>& ids, const std::string& hook) {
  Context context = testing::context_of(model);
  return context.activations(tokens_from_ids(*model, ids), {hook}).at(hook)[0];
}

/// The keys that each query of a head attends to alone; -1 where no key has weight 1.
std::vector<std::int64_t> attended(const std::shared_ptr<const Model>& model,
                                   const std::vector<std::int64_t>& ids, int layer, int head) {
  const at::Tensor pattern =
      activation(model, ids, "blocks." + std::to_string(layer) + ".attn.hook_pattern")[head];
  std::vector<std::int64_t> keys;
  for (std::int64_t query = 0; query < pattern.size(0); ++query) {
    const std::int64_t key = pattern[query].argmax().item<std::int64_t>();
    keys.push_back(pattern[query][key].item<double>() == 1.0 ? key : -1);
  }
  return keys;
}

TEST(PlantedModel, PassesFeaturesThroughTheNormUnchanged) {
  PlantedModel planted({.n_features = 3, .n_channels = 3, .vocabulary = {"a", "b"}});
  planted.embed(1, 0, 0.75);
  planted.embed(1, 2, -1.5);
  planted.embed_position(1, 1, 0.25);
  for (std::int64_t feature = 0; feature < 3; ++feature) planted.value(0, 0, feature, feature, 1.0);
  const auto model = planted.open();
  const at::Tensor stream = activation(model, {0, 1}, "blocks.0.hook_resid_pre");
  EXPECT_TRUE(stream[1].narrow(0, 0, 8).equal(
      at::tensor({1024.0, -1024.0, 0.75, -0.75, 0.25, -0.25, -1.5, 1.5}, at::kFloat)));
  const at::Tensor read =
      activation(model, {0, 1}, "blocks.0.attn.hook_v");  // [token, head, d_head]
  EXPECT_EQ(largest(read[0]), 0.0);
  EXPECT_LT(
      largest_difference(read[1][0].narrow(0, 0, 3), at::tensor({0.75, 0.25, -1.5}, at::kDouble)),
      1.5 * kNormError);
}

TEST(PlantedModel, WritesWhatANeuronReads) {
  PlantedModel planted({.n_features = 2, .n_neurons = 2, .vocabulary = {"a", "b", "c"}});
  planted.embed(1, 0, 1.0);
  planted.neuron_input(0, 0, 0, 2.0);
  planted.neuron_bias(0, 0, -0.5);  // 1.5 for token b, 0 for token a
  planted.neuron_output(0, 0, 1, 1.0);
  planted.neuron_input(0, 1, 0, -1.0);  // negative for token b: the ReLU stops it
  planted.neuron_output(0, 1, 1, 7.0);
  planted.unembed(1, 2, 0.5);
  const at::Tensor logits = activation(planted.open(), {0, 1}, "unembed.hook_out");
  const at::Tensor expected = at::tensor({0.0, 0.0, 0.0, 0.0, 0.0, 0.75}, at::kDouble).view({2, 3});
  EXPECT_LT(largest_difference(logits, expected), 0.75 * kNormError);
}

TEST(PlantedModel, ReadsTextWithItsTokenizer) {
  const auto model = induction_model(3, 8).open();
  const Tokens tokens = to_tokens(*model, "S t2 t3 t2");
  EXPECT_EQ(tokens.ids, (std::vector<std::int64_t>{0, 2, 3, 2}));
  EXPECT_EQ(tokens.texts[1], "t2");
  EXPECT_TRUE(model->tokenizer()->is_special(0));
  EXPECT_FALSE(model->tokenizer()->is_special(1));
}

TEST(PreviousTokenModel, AttendsToTheTokenBeforeAndRepeatsIt) {
  const auto model = previous_token_model().open();
  const std::vector<std::int64_t> ids = {1, 5, 2, 2, 7, 0, 3, 1};
  EXPECT_EQ(attended(model, ids, 0, 0), (std::vector<std::int64_t>{0, 0, 1, 2, 3, 4, 5, 6}));
  const at::Tensor uniform = activation(model, ids, "blocks.0.attn.hook_pattern")[1];
  for (std::int64_t i = 0; i < 8; ++i)
    EXPECT_LT(largest_difference(uniform[i].narrow(0, 0, i + 1),
                                 at::full({i + 1}, 1.0 / static_cast<double>(i + 1), at::kDouble)),
              1e-7);
  const at::Tensor logits = activation(model, ids, "unembed.hook_out");
  for (std::int64_t i = 1; i < 8; ++i) {
    at::Tensor expected = at::zeros({8}, at::kDouble);
    expected[ids[static_cast<std::size_t>(i - 1)]] = 1.0;
    EXPECT_LT(largest_difference(logits[i], expected), kNormError);
  }
}

TEST(InductionModel, FindsWhatFollowedTheTokenBefore) {
  const auto model = induction_model(10, 21, 2.0).open();
  const std::vector<std::int64_t> ids = repeated_prompt(10);
  std::vector<std::int64_t> expected(21, 0), before(21, 0);
  for (std::int64_t i = 1; i < 21; ++i) before[static_cast<std::size_t>(i)] = i - 1;
  for (std::int64_t i = 11; i < 21; ++i) expected[static_cast<std::size_t>(i)] = i - 9;
  EXPECT_EQ(attended(model, ids, 0, 0), before);
  EXPECT_EQ(attended(model, ids, 1, 0), expected);
  const at::Tensor logits = activation(model, ids, "unembed.hook_out");
  for (std::int64_t i = 0; i < 21; ++i) {
    at::Tensor row = at::zeros({11}, at::kDouble);
    if (i > 10) row[ids[static_cast<std::size_t>(i - 9)]] = 2.0;
    EXPECT_LT(largest_difference(logits[i], row), 2.0 * kNormError) << "position " << i;
  }
}

}  // namespace
}  // namespace lensbench::testing
