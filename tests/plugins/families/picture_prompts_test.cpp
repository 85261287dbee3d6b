#include <gmock/gmock.h>

#include <memory>

#include "activation_patching/activation_patching.hpp"
#include "activation_patching/causal_tracing.hpp"
#include "bench/access/context_access.hpp"
#include "families.hpp"
#include "framework/model/vision/vision_samples.hpp"
#include "input_attribution/input_attribution.hpp"
#include "layer_attribution/layer_attribution.hpp"
#include "layer_surgery/layer_surgery.hpp"
#include "neurons/neuron_explorer.hpp"
#include "path_patching/path_patching.hpp"
#include "residual_geometry/residual_geometry.hpp"
#include "steering/steering.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"

// Prompts with pictures: the streams of their tokens do not begin at an embedding of the
// vocabulary.

namespace lensbench::families {
namespace {

using ::testing::HasSubstr;

class PicturePrompts : public ::testing::TestWithParam<std::string> {
 protected:
  template <class Tool>
  std::unique_ptr<testing::ToolBench<Tool>> bench() const {
    auto bench = std::make_unique<testing::ToolBench<Tool>>(
        Model::open((testing::vision_models() / GetParam()).string()),
        std::vector<std::int64_t>{1});
    bench->tokens =
        testing::VisionSample(GetParam(), "two_pictures").tokens(*bench->model->spec().vision);
    bench->tokens.texts.assign(bench->tokens.ids.size(), "t");
    return bench;
  }
  static void expect_receipts_hold(const Dataset& result) {
    EXPECT_FALSE(result.receipts.empty());
    for (const Receipt& receipt : result.receipts)
      EXPECT_TRUE(receipt.passed) << receipt.name << " " << receipt.value;
  }
};

TEST_P(PicturePrompts, ComponentsOfTheResidualStreamSumToIt) {
  const auto geometry = bench<geometry::ResidualGeometryTool>();
  expect_receipts_hold(geometry->tool.measure(geometry->tokens, {}));
}

TEST_P(PicturePrompts, ContributionsSumToTheLogitAndAblationsRun) {
  const auto attribution = bench<attribution::LayerAttributionTool>();
  expect_receipts_hold(attribution->tool.to_logit(attribution->tokens, Target::model(), {}));
}

// The receipts run the strongest cells in whole forwards.
TEST_P(PicturePrompts, PatchesFromOtherPicturesHoldTheirReceipts) {
  const auto patched = bench<patching::ActivationPatchingTool>();
  Tokens corrupted = patched->tokens;
  for (PictureRows& picture : corrupted.pictures) picture.rows = picture.rows.neg();
  const Dataset result = patched->tool.patch(patched->tokens, corrupted, Target::model(), {});
  expect_receipts_hold(result);
  EXPECT_EQ(result["resid_pre_effect"].tensor.size(1), patched->tokens.size());
}

TEST_P(PicturePrompts, AreRefusedAsAPairOnlyIfTheirPicturesAreEqualToo) {
  const auto patched = bench<patching::ActivationPatchingTool>();
  EXPECT_THAT(testing::message_of<UsageError>([&] {
                patched->tool.patch(patched->tokens, patched->tokens, Target::model(), {});
              }),
              HasSubstr("equal token for token"));
}

TEST_P(PicturePrompts, AblationsHoldTheirReceipts) {
  const auto patched = bench<patching::ActivationPatchingTool>();
  Tokens other = patched->tokens;
  for (PictureRows& picture : other.pictures) picture.rows = picture.rows.neg();
  ContextAccess::set_reference_prompts(patched->context, [&] {
    return std::vector<Tokens>{patched->tokens, other};
  });
  for (const char* replacement : {"zero", "mean", "mean_of_prompt", "resample"}) {
    SCOPED_TRACE(replacement);
    expect_receipts_hold(patched->tool.ablate(patched->tokens, replacement, Target::model(), {}));
  }
}

// The receipt of all paths needs what the tower made of both pictures, not their placeholders.
TEST_P(PicturePrompts, PathsFromOtherPicturesHoldTheirReceipts) {
  const auto patched = bench<paths::PathPatchingTool>();
  Tokens corrupted = patched->tokens;
  for (PictureRows& picture : corrupted.pictures) picture.rows = picture.rows.neg();
  corrupted.ids.back() = corrupted.ids.back() == 1 ? 2 : 1;
  PathPatchingOptions options;
  options.senders = {"embed", "heads", "mlps"};
  expect_receipts_hold(
      patched->tool.patch_paths(patched->tokens, corrupted, Target::model(), options));
  options.recompute_mlps = true;
  EXPECT_THAT(testing::message_of<UsageError>([&] {
                patched->tool.patch_paths(patched->tokens, corrupted, Target::model(), options);
              }),
              HasSubstr("the prompt has pictures"));
}

TEST_P(PicturePrompts, PathsOfATextOfTheSameModelHoldTheirReceipts) {
  const auto patched = bench<paths::PathPatchingTool>();
  const Tokens clean = tokens_from_ids(*patched->model, {1, 2, 3, 4});
  const Tokens corrupted = tokens_from_ids(*patched->model, {1, 5, 3, 4});
  for (const bool recomputed : {false, true}) {
    PathPatchingOptions options;
    options.recompute_mlps = recomputed;
    expect_receipts_hold(patched->tool.patch_paths(clean, corrupted, Target::model(), options));
  }
}

TEST_P(PicturePrompts, AttributionToEmbeddingsIsRefused) {
  const auto attributed = bench<inputs::InputAttributionTool>();
  EXPECT_THAT(testing::message_of<UsageError>(
                  [&] { attributed->tool.attribute(attributed->tokens, Target::model(), {}); }),
              HasSubstr("the prompt has pictures"));
}

TEST_P(PicturePrompts, ToolsThatRunBatchesOfTheirOwnRefuseThem) {
  const auto refuses = [](const auto& call) {
    EXPECT_THAT(testing::message_of<UsageError>(call), HasSubstr("the prompt has pictures"));
  };
  const auto traced = bench<tracing::CausalTracingTool>();
  refuses([&] { traced->tool.trace(traced->tokens, {0}, Target::model(), {}); });
  const auto explored = bench<neurons::NeuronExplorerTool>();
  refuses([&] { explored->tool.explore(explored->tokens, Target::model(), {}); });
  const auto cut = bench<surgery::LayerSurgeryTool>();
  refuses([&] { cut->tool.operate(cut->tokens, SurgeryOperation::delete_block, {}); });
  const auto steered = bench<steering::SteeringTool>();
  refuses([&] { steered->tool.steer(steered->tokens, {}, Target::model(), {}); });
}

INSTANTIATE_TEST_SUITE_P(Models, PicturePrompts, ::testing::Values("qwen2_vl", "qwen2_5_vl"));

}  // namespace
}  // namespace lensbench::families
