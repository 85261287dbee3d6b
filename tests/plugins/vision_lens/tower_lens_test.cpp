// The tower lens against a program of its own, which computes each stream of the tower, the merger,
// the final norm and the unembedding in float64 from the definitions in arXiv:2409.12191 and
// arXiv:2502.13923.
#include "vision_lens/tower_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "framework/model/vision/tower_reference.hpp"
#include "framework/model/vision/vision_samples.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/faulty_model.hpp"
#include "support/results.hpp"
#include "vision_lens/vision_lens.hpp"

namespace lensbench::vision_lens {
namespace {

using ::testing::HasSubstr;
using testing::VisionSample;

/// A random model, and a prompt with pictures of 2 x 3 and 5 x 2 tokens.
class TowerLens : public ::testing::TestWithParam<std::string> {
 protected:
  VisionSample sample{GetParam(), "two_pictures"};
  testing::ToolBench<VisionLensTool> bench{Model::open(sample.directory().string()), {1}};
  const VisionSpec& tower = *bench.model->spec().vision;
  Tokens prompt = sample.tokens(tower);
  VisionLensOptions options;

  TowerLens() {
    prompt.texts.assign(prompt.ids.size(), "t");
    options.tower = true;
    options.concepts = {{"three", {"9", "4", "17"}}, {"one", {"30"}}};
  }

  Dataset lens() { return bench.tool.analyze(prompt, options, {}); }

  /// ln probabilities [tower_layer, image_token, vocab] in float64.
  at::Tensor expected() const {
    const testing::TowerReference reference(sample.directory(), tower, prompt.pictures);
    std::vector<at::Tensor> merged;
    for (std::int64_t layer = 0; layer < tower.n_layers; ++layer)
      merged.push_back(reference.merged(reference.values().at(
          "vision_encoder.blocks." + std::to_string(layer) + ".hook_resid_pre")));
    merged.push_back(reference.values().at("vision_projector.hook_out"));
    const at::Tensor x = at::stack(merged);
    const at::Tensor gain = bench.model->weight("ln_final.w").to(at::kDouble);
    const double epsilon = bench.model->spec().norm.epsilon;
    const at::Tensor normed = x / (x.pow(2).mean(-1, true) + epsilon).sqrt() * gain;
    return normed.matmul(bench.model->unembedding().weight.to(at::kDouble).t()).log_softmax(-1);
  }
};

double largest_of(const at::Tensor& differences) {
  return differences.abs().max().item<double>();
}

// Float32 products of up to five blocks and the merger, ln probabilities up to 8.
TEST_P(TowerLens, DecodesTheMergerOnTheStreamAfterEachBlock) {
  const Dataset found = lens();
  const at::Tensor log_p = expected();
  const at::Tensor three = log_p.index_select(2, at::tensor({9, 4, 17}, at::kLong)).logsumexp(2);
  const at::Tensor& concepts = found["tower_concept_log_probability"].tensor;
  EXPECT_LE(largest_of(concepts.select(2, 0) - three), 2e-4);
  EXPECT_LE(largest_of(concepts.select(2, 1) - log_p.select(2, 30)), 2e-4);
  EXPECT_LE(
      largest_of(found["tower_entropy"].tensor.to(at::kDouble) + (log_p.exp() * log_p).sum(2)),
      2e-4);
  EXPECT_LE(largest_of(found["tower_top_probability"].tensor.select(2, 0).to(at::kDouble) -
                       std::get<0>(log_p.max(2)).exp()),
            2e-4);
  testing::expect_receipts_hold(found, 2);
}

TEST_P(TowerLens, EndsAtLayerZeroOfTheTextModel) {
  const Dataset found = lens();
  for (const char* name : {"concept_log_probability", "concept_rank", "top_id", "entropy"})
    EXPECT_TRUE(found[std::string("tower_") + name].tensor[-1].equal(found[name].tensor[0]))
        << name;
}

TEST_P(TowerLens, OfChosenLayersAndTokensHasTheValuesOfAll) {
  const Dataset all = lens();
  options.tower_layers = {2, 0};
  options.every = 4;
  const Dataset some = lens();
  const at::Tensor layers = at::tensor({0, 2}, at::kLong);
  EXPECT_TRUE(some["tower_layer"].tensor.to(at::kLong).equal(layers));
  // Tokens 0 and 4 of the first picture, 0, 4 and 8 of the second.
  const at::Tensor tokens = at::tensor({0, 4, 6, 10, 14}, at::kLong);
  for (const char* name : {"tower_concept_log_probability", "tower_top_id", "tower_entropy"})
    EXPECT_TRUE(
        some[name].tensor.equal(all[name].tensor.index_select(0, layers).index_select(1, tokens)))
        << name;
}

TEST_P(TowerLens, IsReadOnRequestOnly) {
  options.tower = false;
  const Dataset found = lens();
  EXPECT_FALSE(found.contains("tower_entropy"));
  EXPECT_FALSE(found.contains("tower_layer"));
}

TEST_P(TowerLens, RefusesLayersThatTheTowerLacks) {
  options.tower_layers = {0, 9};
  EXPECT_THAT(testing::message_of<UsageError>([&] { lens(); }),
              HasSubstr("a layer of the tower is 9; give 0 to " + std::to_string(tower.n_layers)));
  options.tower = false;
  EXPECT_THAT(testing::message_of<UsageError>([&] { lens(); }),
              HasSubstr("tower_layers is given, but tower is false"));
}

// What the merger reads is another stream than the one that it acted on.
TEST_P(TowerLens, HasAReceiptThatFailsForAnotherStream) {
  testing::Faults faults;
  faults.read = [](const at::Tensor& right, const HookPoint& point) {
    return point.name == "vision_projector.hook_in" ? testing::slightly_off(right) : at::Tensor();
  };
  testing::ToolBench<VisionLensTool> other(testing::faulty(bench.model, faults), {1});
  testing::expect_fails(other.tool.analyze(prompt, options, {}),
                        "tower_lens_last_layer_equals_tokens");
}

INSTANTIATE_TEST_SUITE_P(Towers, TowerLens, ::testing::Values("qwen2_vl", "qwen2_5_vl"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace lensbench::vision_lens
