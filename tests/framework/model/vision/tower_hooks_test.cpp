// Every hook point of the vision tower against float64 values that are computed without any
// permutation. float32 rounds sums of the sizes here by at most 5e-5 of the largest value, as in
// the other comparisons of these models.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <lensbench/vision.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/hooks/hook_points.hpp"
#include "model/hooks/sequence_place.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/tensors.hpp"
#include "tower_reference.hpp"
#include "vision_samples.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One call of a hook.
struct Call {
  at::Tensor value;
  SequencePlace place;

  /// Number of each row among the patches or tokens of the prompt.
  at::Tensor numbers() const {
    std::vector<std::int64_t> numbers;
    for (const PicturePart& part : place.parts) numbers.push_back(part.number);
    return at::tensor(numbers, at::kLong);
  }
};

class TowerHooks : public ::testing::TestWithParam<std::string> {
 protected:
  testing::VisionSample sample{GetParam(), "two_pictures"};
  std::shared_ptr<const Model> model = Model::open(sample.directory().string());
  const VisionSpec& spec = *model->spec().vision;
  Tokens tokens = sample.tokens(spec);
  testing::TowerReference reference{sample.directory(), spec, tokens.pictures};
  std::map<std::string, std::vector<Call>> calls;

  void read(const std::string& glob) {
    Hooks hooks;
    hooks.read(glob, [&](const at::Tensor& x, const HookPoint& point) {
      calls[point.name].push_back({x.clone(), place_of(point)});
    });
    model->forward(make_batch(tokens), {}, hooks);
  }

  static void expect_near(const at::Tensor& found, const at::Tensor& expected,
                          const std::string& what) {
    ASSERT_EQ(found.sizes(), expected.sizes()) << what;
    EXPECT_LE(largest_difference(found, expected), 5e-5 * std::max(1.0, largest(expected))) << what;
  }
};

TEST_P(TowerHooks, HaveTheValuesOfTheDefinitionAtTheirPlaces) {
  read("vision_*");
  for (const auto& [name, expected] : reference.values()) {
    ASSERT_TRUE(calls.contains(name)) << name << " never fired";
    std::int64_t rows = 0;
    for (const Call& call : calls.at(name)) {
      const at::Tensor at = call.numbers();
      rows += at.numel();
      at::Tensor chosen = expected;
      if (call.place.segment >= 0) chosen = chosen.index_select(1, at).index_select(2, at);
      expect_near(call.value, call.place.segment >= 0 ? chosen : chosen.index_select(0, at), name);
    }
    EXPECT_EQ(rows, expected.size(calls.at(name).front().place.segment >= 0 ? 1 : 0)) << name;
  }
  EXPECT_EQ(calls.size(), reference.values().size());
}

TEST_P(TowerHooks, NameEachPatchOnceWithItsPlaceInThePicture) {
  read("vision_encoder.*hook_resid_*");
  for (const auto& [name, all] : calls) {
    const Call& call = all.front();
    std::set<std::int64_t> numbers;
    for (const PicturePart& part : call.place.parts) {
      numbers.insert(part.number);
      const auto& patch = reference.patches()[static_cast<std::size_t>(part.number)];
      EXPECT_EQ(part,
                (PicturePart{0, part.number, patch.picture, patch.frame, patch.row, patch.column}));
    }
    EXPECT_EQ(numbers.size(), reference.patches().size()) << name;
    EXPECT_THAT(call.place.parts_of_sequence,
                ElementsAre(static_cast<std::int64_t>(reference.patches().size())));
  }
}

// Rows and windows of the fixture differ, so values in the order of the picture would be wrong.
TEST_P(TowerHooks, OfATowerWithWindowsAreInTheOrderOfWindows) {
  read("vision_encoder.blocks.0.hook_resid_post");
  const Call& call = calls.at("vision_encoder.blocks.0.hook_resid_post").front();
  const at::Tensor& expected = reference.values().at("vision_encoder.blocks.0.hook_resid_post");
  const bool in_order = at::equal(call.numbers(), at::arange(expected.size(0)));
  EXPECT_EQ(in_order, spec.window_size == 0);
  if (!in_order) {
    EXPECT_GT(largest_difference(call.value, expected), 0.1);
  }
}

TEST_P(TowerHooks, OfTokensAreInTheOrderOfTheTextModel) {
  read("vision_projector.hook_out");
  const Call& call = calls.at("vision_projector.hook_out").front();
  EXPECT_TRUE(at::equal(call.numbers(), at::arange(16)));  // 2 x 3 and 5 x 2 tokens
  EXPECT_EQ(call.place.parts[4], (PicturePart{0, 4, 0, 0, 1, 1}));
  EXPECT_EQ(call.place.parts[9], (PicturePart{0, 9, 1, 0, 1, 1}));
  EXPECT_EQ(call.place.parts, picture_tokens(spec, tokens.pictures));
  expect_near(call.value, sample.expected("vision_out"), "transformers");
}

// A picture of 2 x 3 tokens has 2 windows of two tokens, one of 5 x 2 tokens has 3. A block over
// the whole frame has one segment for each picture.
TEST_P(TowerHooks, OfPatternsAreCalledOnceForEachSegment) {
  read("vision_encoder.blocks.*.attn.hook_pattern");
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    const auto& all =
        calls.at("vision_encoder.blocks." + std::to_string(block) + ".attn.hook_pattern");
    const bool whole = spec.window_size == 0 || block == 1 || block == 3;
    std::vector<std::int64_t> sizes;
    for (const Call& call : all) {
      EXPECT_EQ(call.place.segment, static_cast<std::int64_t>(sizes.size()));
      EXPECT_EQ(call.place.segments, whole ? 2 : 5);
      sizes.push_back(call.value.size(1));
    }
    if (whole)
      EXPECT_THAT(sizes, ElementsAre(24, 40));
    else
      EXPECT_THAT(sizes, ElementsAre(16, 8, 16, 16, 8));
    std::vector<std::int64_t> starts{0};
    for (const std::int64_t size : sizes) starts.push_back(starts.back() + size);
    EXPECT_EQ(tower_segments(spec, tokens.pictures, block), starts);
  }
}

TEST_P(TowerHooks, ReplacedByItselfChangesNoBit) {
  const TokenBatch batch = make_batch(tokens);
  const at::Tensor plain = model->forward(batch).logits;
  for (const PlacedPoint& placed : placed_tower_points(model->spec())) {
    Hooks hooks;
    hooks.replace(placed.hook.name,
                  [](const at::Tensor& x, const HookPoint&) { return x.clone(); });
    EXPECT_TRUE(model->forward(batch, {}, hooks).logits.equal(plain)) << placed.hook.name;
  }
}

TEST_P(TowerHooks, OfTheMergedEmbeddingIsTheStreamThatEntersTheFirstBlock) {
  const auto cache =
      run_with_cache(*model, make_batch(tokens), {"hook_merged_embed", "blocks.0.hook_resid_pre"})
          .cache;
  EXPECT_TRUE(cache["hook_merged_embed"].equal(cache["blocks.0.hook_resid_pre"]));
  EXPECT_EQ(cache["hook_merged_embed"].size(1), tokens.size());
}

TEST_P(TowerHooks, AreListedWithTheLengthsOfTheirAxes) {
  read("vision_*");
  const std::map<std::string, std::int64_t> lengths = {
      {"patch", 64},        {"image_token", 16},          {"d_vision", 16}, {"vision_head", 2},
      {"d_vision_head", 8}, {"d_vision_mlp", spec.d_mlp}, {"d_model", 32},  {"one", 1}};
  for (const PlacedPoint& placed : placed_tower_points(model->spec())) {
    const at::Tensor& x = calls.at(placed.hook.name).front().value;
    ASSERT_EQ(x.dim(), static_cast<std::int64_t>(placed.hook.dims.size())) << placed.hook.name;
    for (std::size_t axis = 0; axis < placed.hook.dims.size(); ++axis) {
      const auto known = lengths.find(placed.hook.dims[axis]);
      if (known != lengths.end()) {
        EXPECT_EQ(x.size(static_cast<std::int64_t>(axis)), known->second) << placed.hook.name;
      }
    }
  }
}

TEST_P(TowerHooks, AreListedBetweenEmbeddingAndMergedEmbedding) {
  std::vector<std::string> names;
  for (const HookPoint& point : hook_points(model->spec())) names.push_back(point.name);
  EXPECT_EQ(names.front(), "hook_embed");
  EXPECT_EQ(names[1], "vision_encoder.hook_patch_embed");
  const auto merged = std::find(names.begin(), names.end(), "hook_merged_embed");
  EXPECT_EQ(*(merged - 1), "vision_projector.hook_out");
  EXPECT_EQ(*(merged + 1), "blocks.0.hook_resid_pre");
}

/// Names of TransformerBridge 4.3 (transformer_lens/model_bridge/supported_architectures/
/// qwen2_5_vl.py) with the points that hold the same tensors.
TEST_P(TowerHooks, HaveTheNamesOfTransformerBridge) {
  const auto name_of = [&](const std::string& alias) {
    return match_hook_points(model->spec(), alias).at(0).name;
  };
  const std::map<std::string, std::string> of_block = {
      {"hook_in", "hook_resid_pre"},
      {"hook_out", "hook_resid_post"},
      {"norm1.hook_in", "hook_resid_pre"},
      {"norm1.hook_out", "ln1.hook_out"},
      {"norm2.hook_in", "hook_resid_mid"},
      {"norm2.hook_out", "ln2.hook_out"},
      {"attn.hook_in", "ln1.hook_out"},
      {"attn.hook_out", "hook_attn_out"},
      {"attn.qkv.hook_in", "ln1.hook_out"},
      {"attn.proj.hook_in", "attn.hook_z"},
      {"attn.proj.hook_out", "hook_attn_out"},
      {"mlp.hook_in", "ln2.hook_out"},
      {"mlp.hook_out", "hook_mlp_out"},
      {"mlp.in.hook_in", "ln2.hook_out"},
      {"mlp.out.hook_in", "mlp.hook_post"},
      {"mlp.out.hook_out", "hook_mlp_out"},
      {"hook_attn_in", "ln1.hook_out"},
      {"hook_mlp_in", "ln2.hook_out"},
      {"hook_attn_out", "hook_attn_out"},
      {"hook_mlp_out", "hook_mlp_out"},
      {"mlp.in.hook_out", spec.gated ? "mlp.hook_pre_linear" : "mlp.hook_pre"}};
  for (const auto& [alias, name] : of_block)
    EXPECT_EQ(name_of("vision_encoder.blocks.2." + alias), "vision_encoder.blocks.2." + name);
  if (spec.gated) {
    EXPECT_EQ(name_of("vision_encoder.blocks.0.mlp.gate.hook_out"),
              "vision_encoder.blocks.0.mlp.hook_pre");
  }
  for (const char* alias : {"patch_embed.hook_out", "hook_vision_embed"})
    EXPECT_EQ(name_of(std::string("vision_encoder.") + alias), "vision_encoder.hook_patch_embed");
  EXPECT_EQ(name_of("vision_projector.hook_vision_proj_in"), "vision_projector.hook_in");
  for (const char* alias : {"hook_vision_proj_out", "hook_projected"})
    EXPECT_EQ(name_of(std::string("vision_projector.") + alias), "vision_projector.hook_out");
}

TEST_P(TowerHooks, ThatATowerLacksSayWhy) {
  const auto why = [&](const std::string& glob) {
    return message_of<UsageError>([&] { match_hook_points(model->spec(), glob); });
  };
  EXPECT_THAT(why("vision_encoder.blocks.9.hook_in"),
              HasSubstr("the vision tower has blocks 0 to"));
  EXPECT_THAT(why("vision_encoder.blocks.0.attn.qkv.hook_out"), HasSubstr("attn.hook_q"));
  EXPECT_THAT(why("vision_encoder.blocks.0.attn.hook_result"), HasSubstr("use attn.hook_z"));
  EXPECT_THAT(why("vision_encoder.hook_out"), HasSubstr("use vision_projector.hook_out"));
  EXPECT_THAT(why("vision_encoder.blocks.0.hook_resid_pots"),
              HasSubstr("nearest names: 'vision_encoder.blocks.0.hook_resid_post'"));
  if (!spec.gated) {
    EXPECT_THAT(why("vision_encoder.blocks.0.mlp.hook_pre_linear"), HasSubstr("is not gated"));
  }
}

TEST_P(TowerHooks, WithoutAPictureAreAnError) {
  Tokens text;
  text.ids = {3, 4, 5};
  for (const char* glob : {"vision_projector.hook_out", "vision_encoder.blocks.*.hook_resid_pre"}) {
    Hooks hooks;
    hooks.read(glob, [](const at::Tensor&, const HookPoint&) {});
    EXPECT_THAT(message_of<UsageError>([&] { model->forward(make_batch(text), {}, hooks); }),
                HasSubstr("its tokens do not have pictures"));
  }
  Hooks both;  // a glob must fire somewhere, not everywhere
  int fired = 0;
  both.read("*hook_resid_pre", [&](const at::Tensor&, const HookPoint&) { ++fired; });
  model->forward(make_batch(text), {}, both);
  EXPECT_EQ(fired, model->spec().n_layers);
}

TEST_P(TowerHooks, OfARowOfABatchSayWhichRow) {
  Tokens first = tokens;
  first.pictures = {tokens.pictures[0]};
  first.ids.resize(9);
  read("vision_encoder.blocks.0.hook_resid_post");
  const Call alone = calls.at("vision_encoder.blocks.0.hook_resid_post").front();
  calls.clear();
  Hooks hooks;
  hooks.read("vision_encoder.blocks.0.hook_resid_post",
             [&](const at::Tensor& x, const HookPoint& point) {
               calls[point.name].push_back({x.clone(), place_of(point)});
             });
  model->forward(make_batch({first, tokens}), {}, hooks);
  const Call& both = calls.at("vision_encoder.blocks.0.hook_resid_post").front();
  EXPECT_THAT(both.place.parts_of_sequence, ElementsAre(24, 64));
  EXPECT_EQ(both.place.parts[23].sequence, 0);
  std::vector<PicturePart> second(both.place.parts.begin() + 24, both.place.parts.end());
  for (PicturePart& part : second) {
    EXPECT_EQ(part.sequence, 1);
    part.sequence = 0;
  }
  EXPECT_EQ(second, alone.place.parts);
  EXPECT_EQ(second, tower_patches(spec, tokens.pictures));
  expect_near(both.value.narrow(0, 24, 64), alone.value, "the second row");
}

INSTANTIATE_TEST_SUITE_P(Towers, TowerHooks, ::testing::Values("qwen2_vl", "qwen2_5_vl"),
                         [](const auto& one) { return one.param; });

TEST(TowerHooksOfText, DoNotExist) {
  const auto model = Model::open(testing::kModel);
  EXPECT_THAT(message_of<UsageError>(
                  [&] { match_hook_points(model->spec(), "vision_encoder.blocks.0.hook_in"); }),
              HasSubstr("this model does not read pictures"));
}

}  // namespace
}  // namespace lensbench
