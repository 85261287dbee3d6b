// Qwen2-VL and Qwen2.5-VL with pictures against transformers, in each layout of their checkpoints.
// float32 differs between programs by the order of sums: 5e-5 of the largest value, as for text.
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <lensbench/generation.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>

#include "model/vision/picture_positions.hpp"
#include "support/tensors.hpp"
#include "vision_samples.hpp"

namespace lensbench {
namespace {

using testing::VisionSample;

constexpr double kTolerance = 5e-5;

void expect_near(const at::Tensor& found, const at::Tensor& expected, const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_LE(testing::largest_difference(found, expected),
            kTolerance * std::max(1.0, testing::largest(expected)))
      << what;
}

class VisionModels : public ::testing::TestWithParam<VisionSample> {
 protected:
  const VisionSample& sample() const { return GetParam(); }
  std::shared_ptr<const Model> model = Model::open(sample().directory().string());
  Tokens tokens = sample().tokens(*model->spec().vision);

  /// Activation of the only row.
  at::Tensor read(const std::string& hook) const {
    at::Tensor found;
    Hooks hooks;
    hooks.read(hook, [&](const at::Tensor& x, const HookPoint&) { found = x[0].clone(); });
    model->forward(make_batch(tokens), {}, hooks);
    return found;
  }
};

TEST_P(VisionModels, RotateByThePositionsOfTransformers) {
  if (!sample().has("position_ids")) GTEST_SKIP() << "the prompt does not have pictures";
  const auto found =
      picture_positions(*model->spec().vision, make_batch(tokens), {}, tokens.size());
  EXPECT_TRUE(at::equal(found.ids.select(1, 0), sample().expected("position_ids")));
}

TEST_P(VisionModels, PutTheTowersTokensInThePlaceOfPlaceholders) {
  if (!sample().has("vision_out")) GTEST_SKIP() << "the prompt does not have pictures";
  const at::Tensor merged = read("hook_merged_embed");
  const at::Tensor place = sample().expected("input_ids").eq(model->spec().vision->image_token_id);
  expect_near(merged.index({place}), sample().expected("vision_out"), "tokens of the tower");
  const at::Tensor embedded = read("hook_embed");
  EXPECT_TRUE(
      at::equal(merged.index({place.logical_not()}), embedded.index({place.logical_not()})));
}

TEST_P(VisionModels, HaveTheStreamOfTransformersAtEveryLayer) {
  const at::Tensor expected = sample().expected("residual"), at = sample().expected("positions");
  for (std::int64_t layer = 0; layer < expected.size(0); ++layer)
    expect_near(read(residual_hook(model->spec(), layer)).index_select(0, at), expected[layer],
                "layer " + std::to_string(layer));
}

TEST_P(VisionModels, HaveTheLogitsOfTransformers) {
  expect_near(model->forward(make_batch(tokens)).logits[0], sample().expected("logits"), "logits");
}

TEST_P(VisionModels, GenerateTheTokensOfTransformersWithAndWithoutCache) {
  if (!sample().has("generated")) GTEST_SKIP() << "the continuation is not known";
  const at::Tensor expected = sample().expected("generated");
  for (const bool cached : {true, false}) {
    GenerationOptions options;
    options.max_new_tokens = expected.numel();
    options.stop_at_end_of_sequence = false;
    options.use_cache = cached;
    const auto ids = generate(*model, tokens, options);
    EXPECT_TRUE(at::equal(at::tensor(ids, at::kLong), expected)) << "cached: " << cached;
  }
}

TEST_P(VisionModels, GiveTheSameInAPaddedBatch) {
  Tokens longer = tokens;
  longer.pictures.clear();
  longer.ids.assign(static_cast<std::size_t>(tokens.size()) + 5, 2);
  const at::Tensor alone = model->forward(make_batch(tokens)).logits[0];
  const at::Tensor both = model->forward(make_batch({longer, tokens})).logits;
  expect_near(both[1].narrow(0, 5, tokens.size()), alone, "the padded row");
  const at::Tensor text = model->forward(make_batch(longer)).logits[0];
  expect_near(both[0], text, "the row without pictures");
}

TEST_P(VisionModels, ContinueAPromptFromItsCache) {
  const at::Tensor whole = model->forward(make_batch(tokens)).logits[0];
  Tokens begin = tokens;
  begin.ids.pop_back();
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  model->forward(make_batch(begin), options);
  Tokens end;
  end.ids = {tokens.ids.back()};
  expect_near(model->forward(make_batch(end), options).logits[0][0], whole[tokens.size() - 1],
              "the last token");
}

TEST_P(VisionModels, ContinueAPromptFromAPrefix) {
  const at::Tensor whole = model->forward(make_batch(tokens)).logits[0];
  KeyValueCache cache;
  ForwardOptions fill;
  fill.cache = &cache;
  model->forward(make_batch(tokens), fill);
  ForwardOptions options;
  options.prefix = &cache;
  options.prefix_columns = tokens.size() - 1;
  Tokens end;
  end.ids = {tokens.ids.back()};
  expect_near(model->forward(make_batch({end, end}), options).logits[1][0],
              whole[tokens.size() - 1], "the last token");
}

INSTANTIATE_TEST_SUITE_P(All, VisionModels, ::testing::ValuesIn(testing::vision_samples()),
                         [](const auto& one) {
                           std::string name =
                               one.param.directory().filename().string() + "_" + one.param.name();
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); },
                               '_');
                           return name;
                         });

}  // namespace
}  // namespace lensbench
