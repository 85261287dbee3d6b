// Activations of a vision tower in the order of the picture.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "activations/activations.hpp"
#include "framework/model/vision/tower_reference.hpp"
#include "framework/model/vision/vision_samples.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/tensors.hpp"

namespace lensbench::activations {
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using lensbench::testing::ReferencePatch;
using ::testing::HasSubstr;

class ActivationsOfATower : public ::testing::TestWithParam<std::string> {
 protected:
  testing::VisionSample sample{GetParam(), "two_pictures"};
  std::shared_ptr<const Model> model = Model::open(sample.directory().string());
  Tokens tokens = sample.tokens(*model->spec().vision);
  Context context = testing::context_of(model);
  ActivationsTool tool;

  void SetUp() override {
    tool.attach(context);
    for (const std::int64_t id : tokens.ids) tokens.texts.push_back("<" + std::to_string(id) + ">");
  }

  static std::vector<std::int64_t> ints(const Dataset& dataset, const std::string& name) {
    const at::Tensor values = dataset[name].tensor.to(at::kLong).contiguous();
    return {values.data_ptr<std::int64_t>(), values.data_ptr<std::int64_t>() + values.numel()};
  }
};

// Values of float64 without any permutation, sorted here by picture, row and column. 5e-5 of the
// largest value is the rounding of float32.
TEST_P(ActivationsOfATower, AreInTheOrderOfThePicture) {
  const testing::TowerReference reference(sample.directory(), *model->spec().vision,
                                          tokens.pictures);
  const std::vector<ReferencePatch>& patches = reference.patches();
  std::vector<std::int64_t> order(patches.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  const auto place = [&](std::int64_t i) {
    const ReferencePatch& patch = patches[static_cast<std::size_t>(i)];
    return std::tuple(patch.picture, patch.row, patch.column);
  };
  std::sort(order.begin(), order.end(),
            [&](std::int64_t a, std::int64_t b) { return place(a) < place(b); });
  const std::vector<std::string> names = {"vision_encoder.hook_patch_embed",
                                          "vision_encoder.blocks.0.hook_resid_post",
                                          "vision_encoder.blocks.2.attn.hook_z"};
  const Dataset found = tool.read(tokens, {names});
  for (const std::string& name : names) {
    const at::Tensor expected =
        reference.values().at(name).index_select(0, at::tensor(order, at::kLong));
    EXPECT_LE(largest_difference(found[name].tensor, expected),
              5e-5 * std::max(1.0, testing::largest(expected)))
        << name;
  }
  const auto rows = ints(found, "patch_row"), columns = ints(found, "patch_column"),
             images = ints(found, "patch_image");
  for (std::size_t i = 0; i < order.size(); ++i)
    EXPECT_EQ(std::tuple(images[i], rows[i], columns[i]), place(order[i]));
}

TEST_P(ActivationsOfATower, OfTokensHaveTheirRowAndColumn) {
  const Dataset found = tool.read(tokens, {{"vision_projector.hook_out"}});
  EXPECT_LE(
      largest_difference(found["vision_projector.hook_out"].tensor, sample.expected("vision_out")),
      5e-5 * std::max(1.0, testing::largest(sample.expected("vision_out"))));
  EXPECT_EQ(ints(found, "picture_token_row"),
            (std::vector<std::int64_t>{0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4}));
  EXPECT_EQ(ints(found, "picture_token_column"),
            (std::vector<std::int64_t>{0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
}

TEST_P(ActivationsOfATower, OfATextAreThoseOfTheTextModel) {
  Tokens text;
  text.ids = {3, 4, 5};
  text.texts = {"a", "b", "c"};
  const Dataset found = tool.read(text, {{"*hook_resid_pre"}});
  EXPECT_TRUE(found.contains("blocks.0.hook_resid_pre"));
  EXPECT_FALSE(found.contains("vision_encoder.blocks.0.hook_resid_pre"));
  EXPECT_THAT(message_of<UsageError>([&] { tool.read(text, {{"vision_projector.hook_in"}}); }),
              HasSubstr("the prompt does not have pictures"));
}

TEST_P(ActivationsOfATower, RefuseScoresAndPatterns) {
  EXPECT_THAT(message_of<UsageError>(
                  [&] { tool.read(tokens, {{"vision_encoder.blocks.0.attn.hook_pattern"}}); }),
              HasSubstr("one value for each segment of the vision tower"));
}

INSTANTIATE_TEST_SUITE_P(Towers, ActivationsOfATower, ::testing::Values("qwen2_vl", "qwen2_5_vl"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace lensbench::activations
