// Changes at the points of the vision tower: replacements against float64 values of a tower that is
// changed in the same way, and interventions.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <string>
#include <vector>

#include "model/hooks/hook_points.hpp"
#include "support/error_matchers.hpp"
#include "support/tensors.hpp"
#include "tower_fixture.hpp"
#include "tower_reference.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using lensbench::testing::numbers_of;
using ::testing::HasSubstr;

class TowerChanges : public testing::TowerTest {
 protected:
  /// The logits with given tokens of pictures in the place of the placeholders.
  at::Tensor logits_with(const at::Tensor& picture_tokens) const {
    Hooks hooks;
    hooks.replace("hook_merged_embed", [&](const at::Tensor& x, const HookPoint&) {
      at::Tensor merged = x.clone();
      merged.index_put_({batch.ids.eq(spec.image_token_id)}, picture_tokens.to(x.scalar_type()));
      return merged;
    });
    return model->forward(batch, {}, hooks).logits;
  }

  at::Tensor logits(const std::string& interventions) const {
    return with_interventions(model, interventions_from_json(interventions, "test"))
        ->forward(batch)
        .logits;
  }

  /// The logits with one row of an activation replaced by a function of it.
  template <class Change>
  at::Tensor logits_by_hand(const std::string& hook, std::int64_t number,
                            const Change& change) const {
    Hooks hooks;
    hooks.replace(hook, [&](const at::Tensor& x, const HookPoint& point) {
      at::Tensor changed = x.clone();
      const at::Tensor numbers = numbers_of(point);
      for (std::int64_t row = 0; row < numbers.numel(); ++row)
        if (numbers[row].item<std::int64_t>() == number) changed[row].copy_(change(x[row]));
      return changed;
    });
    return model->forward(batch, {}, hooks).logits;
  }

  std::string refusal(const std::string& interventions) const {
    return message_of<UsageError>([&] { logits(interventions); });
  }
};

/// Factors of patches, tokens or columns, none of which is 1.
at::Tensor factors(const at::Tensor& numbers, double phase) {
  return numbers.to(at::kDouble).mul(1.3).add(phase).sin().mul(0.3).add(1.4);
}

at::Tensor scaled(const at::Tensor& x, const at::Tensor& numbers, bool pairs) {
  const at::Tensor of_rows = factors(numbers, 0.7);
  if (pairs) return x.mul(of_rows.unsqueeze(1).mul(factors(numbers, 0.2)).to(x.scalar_type()));
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = -1;
  // A norm would undo a factor that is the same for all numbers of a patch.
  const at::Tensor of_columns = factors(at::arange(x.size(-1)), 1.9);
  return x.mul(of_rows.view(shape).mul(of_columns).to(x.scalar_type()));
}

// Each point of each block: a factor for each patch changes what the text model reads as the same
// factor does in float64. 2e-4 since the changed activations are a multiple of the usual ones.
TEST_P(TowerChanges, OfEveryPointAreThoseOfTheDefinition) {
  const at::Tensor plain = model->forward(batch).logits;
  for (const PlacedPoint& placed : placed_tower_points(model->spec())) {
    const std::string& name = placed.hook.name;
    const bool pairs = placed.hook.dims.back() == "key_patch";
    Hooks hooks;
    hooks.replace(name, [&](const at::Tensor& x, const HookPoint& point) {
      return scaled(x, numbers_of(point), pairs);
    });
    const testing::TowerReference changed(
        sample.directory(), spec, tokens.pictures, [&](const std::string& at, const at::Tensor& x) {
          return at == name ? scaled(x, at::arange(x.size(pairs ? 1 : 0)), pairs) : x;
        });
    const at::Tensor found = model->forward(batch, {}, hooks).logits;
    const at::Tensor expected = logits_with(changed.values().at("vision_projector.hook_out"));
    EXPECT_LE(largest_difference(found, expected), 2e-4 * std::max(1.0, largest(expected))) << name;
    EXPECT_GT(largest_difference(found, plain), 1e-3) << name;
  }
}

TEST_P(TowerChanges, ByInterventionCountPatchesInTheOrderOfThePicture) {
  const std::string hook = "vision_encoder.blocks.1.hook_resid_post";
  const auto zero = [](const at::Tensor& x) { return at::zeros_like(x); };
  EXPECT_TRUE(logits(R"([{"hook": ")" + hook + R"(", "positions": [9], "action": "zero"}])")
                  .equal(logits_by_hand(hook, 9, zero)));
  EXPECT_TRUE(logits(R"([{"hook": ")" + hook + R"(", "positions": [-1], "action": "zero"}])")
                  .equal(logits_by_hand(hook, 63, zero)));
  EXPECT_TRUE(logits(R"([{"hook": ")" + hook + R"(", "from": 62, "until": 63, "action": "zero"}])")
                  .equal(logits_by_hand(hook, 62, zero)));
  const std::string out = "vision_projector.hook_out";
  EXPECT_TRUE(logits(R"([{"hook": ")" + out + R"(", "positions": [7], "action": "zero"}])")
                  .equal(logits_by_hand(out, 7, zero)));
}

TEST_P(TowerChanges, ByInterventionTakeValuesInTheOrderOfThePicture) {
  const std::string hook = "vision_encoder.blocks.2.hook_mlp_out";
  const at::Tensor values = at::arange(64 * 16, at::kFloat).view({64, 16}).mul(0.01).sin();
  Intervention set;
  set.at.hook = hook;
  set.action = SetValue{values};
  Hooks hooks;
  hooks.replace(hook, [&](const at::Tensor&, const HookPoint& point) {
    return values.index_select(0, numbers_of(point));
  });
  EXPECT_TRUE(with_interventions(model, {set})
                  ->forward(batch)
                  .logits.equal(model->forward(batch, {}, hooks).logits));
}

TEST_P(TowerChanges, ByInterventionSelectLayersHeadsAndNeurons) {
  const auto zero_head = [](const at::Tensor& x) {
    at::Tensor changed = x.clone();
    changed[1].zero_();
    return changed;
  };
  EXPECT_TRUE(logits(R"([{"hook": "vision_encoder.blocks.*.attn.hook_z", "layers": [1],
                          "heads": [1], "positions": [30], "action": "zero"}])")
                  .equal(logits_by_hand("vision_encoder.blocks.1.attn.hook_z", 30, zero_head)));
  const auto double_neuron = [](const at::Tensor& x) {
    at::Tensor changed = x.clone();
    changed[5].mul_(2);
    return changed;
  };
  EXPECT_TRUE(
      logits(R"([{"hook": "vision_encoder.blocks.0.mlp.hook_post", "neurons": [5],
                          "positions": [3], "action": "scale", "factor": 2}])")
          .equal(logits_by_hand("vision_encoder.blocks.0.mlp.hook_post", 3, double_neuron)));
}

TEST_P(TowerChanges, ByInterventionHideAPatchFromAnother) {
  const std::string hook = "vision_encoder.blocks.1.attn.hook_attn_scores";
  Hooks hooks;
  hooks.replace(hook, [](const at::Tensor& x, const HookPoint& point) {
    at::Tensor changed = x.clone();
    const at::Tensor numbers = numbers_of(point);
    for (std::int64_t q = 0; q < numbers.numel(); ++q)
      for (std::int64_t k = 0; k < numbers.numel(); ++k)
        if (numbers[q].item<std::int64_t>() == 30 && numbers[k].item<std::int64_t>() == 41)
          changed.select(1, q).select(1, k).fill_(-INFINITY);
    return changed;
  });
  const at::Tensor expected = model->forward(batch, {}, hooks).logits;
  EXPECT_TRUE(logits(R"([{"hook": ")" + hook +
                     R"(", "positions": [30], "keys": [41], "action": "set", "value": "-inf"}])")
                  .equal(expected));
  EXPECT_GT(largest_difference(expected, model->forward(batch).logits), 1e-6);
}

// Freezing keeps the patterns of all segments as they are without the change before them.
TEST_P(TowerChanges, ByInterventionFreezePatternsOfEverySegment) {
  std::map<std::string, at::Tensor> plain;
  Hooks read;
  read.read("vision_encoder.blocks.2.attn.hook_pattern",
            [&](const at::Tensor& x, const HookPoint& point) {
              plain[activation_name(point)] = x.clone();
            });
  model->forward(batch, {}, read);
  Hooks hooks;
  hooks.replace("vision_encoder.blocks.0.hook_mlp_out",
                [](const at::Tensor& x, const HookPoint&) { return at::zeros_like(x); });
  hooks.replace(
      "vision_encoder.blocks.2.attn.hook_pattern",
      [&](const at::Tensor&, const HookPoint& point) { return plain.at(activation_name(point)); });
  const at::Tensor expected = model->forward(batch, {}, hooks).logits;
  const std::string change =
      R"({"hook": "vision_encoder.blocks.0.hook_mlp_out", "action": "zero"})";
  EXPECT_TRUE(
      logits("[" + change +
             R"(, {"hook": "vision_encoder.blocks.2.attn.hook_pattern", "action": "freeze"}])")
          .equal(expected));
  EXPECT_GT(largest_difference(expected, logits("[" + change + "]")), 1e-5);
}

TEST_P(TowerChanges, ByInterventionDoNotDependOnTheBatch) {
  Tokens first = tokens;
  first.pictures = {tokens.pictures[0]};
  first.ids.resize(9);
  const auto changed = with_interventions(
      model, interventions_from_json(R"([{"hook": "vision_encoder.blocks.1.hook_resid_mid",
          "from": 4, "until": 12, "action": "noise", "standard_deviation": 2, "seed": 5}])",
                                     "test"));
  const at::Tensor both = changed->forward(make_batch({first, tokens})).logits;
  const std::int64_t padding = tokens.size() - first.size();
  for (const auto& [row, alone, begin] :
       {std::tuple{0, changed->forward(make_batch(first)).logits, padding},
        {1, changed->forward(batch).logits, std::int64_t{0}}})
    EXPECT_LE(largest_difference(both[row].narrow(0, begin, alone.size(1)), alone[0]), 1e-4);
}

TEST_P(TowerChanges, ByInterventionHoldThroughGeneration) {
  const auto changed = with_interventions(
      model, interventions_from_json(R"([{"hook": "vision_projector.hook_out", "positions": [2, 15],
          "action": "scale", "factor": -3}])",
                                     "test"));
  std::vector<std::vector<std::int64_t>> ids;
  for (const bool cached : {true, false}) {
    GenerationOptions options;
    options.max_new_tokens = 4;
    options.stop_at_end_of_sequence = false;
    options.use_cache = cached;
    ids.push_back(generate(*changed, tokens, options));
  }
  EXPECT_EQ(ids[0], ids[1]);
}

TEST_P(TowerChanges, ByInterventionThatCannotBeAreRefused) {
  const auto at = [](const std::string& rest) {
    return R"([{"hook": "vision_encoder.blocks.0.hook_resid_pre", )" + rest + "}]";
  };
  EXPECT_THAT(refusal(at(R"("positions": [64], "action": "zero")")),
              HasSubstr("position 64 is outside the pictures, which have 64 patches"));
  EXPECT_THAT(refusal(at(R"("where": "prompt", "action": "zero")")),
              HasSubstr("where selects tokens"));
  EXPECT_THAT(refusal(at(R"("neurons": [16], "action": "zero")")), HasSubstr("give 0 to 15"));
  EXPECT_THAT(refusal(at(R"("action": "resample", "from": {"ids": [3, 4]})")),
              HasSubstr("a case is a text"));
  EXPECT_THAT(refusal(at(R"("layers": [7], "action": "zero")")), HasSubstr("layer 7"));
  EXPECT_THAT(refusal(R"([{"hook": "vision_projector.hook_out", "positions": [16],
                           "action": "zero"}])"),
              HasSubstr("which have 16 tokens"));
  Tokens text;
  text.ids = {3, 4, 5};
  const auto changed =
      with_interventions(model, interventions_from_json(at(R"("action": "zero")"), "test"));
  EXPECT_THAT(message_of<UsageError>([&] { changed->forward(make_batch(text)); }),
              HasSubstr("its tokens do not have pictures"));
  EXPECT_THAT(message_of<UsageError>([&] {
                changed->forward(make_batch({text, tokens}));
              }),
              HasSubstr("row 0 of the batch does not have pictures"));
}

TEST_P(TowerChanges, OfAGlobOverModelAndTowerChangeATextToo) {
  Tokens text;
  text.ids = {3, 4, 5};
  const auto changed = with_interventions(
      model, interventions_from_json(R"([{"hook": "*hook_mlp_out", "action": "zero"}])", "test"));
  Hooks hooks;
  hooks.replace("blocks.*.hook_mlp_out",
                [](const at::Tensor& x, const HookPoint&) { return at::zeros_like(x); });
  EXPECT_TRUE(changed->forward(make_batch(text))
                  .logits.equal(model->forward(make_batch(text), {}, hooks).logits));
}

INSTANTIATE_TEST_SUITE_P(Towers, TowerChanges, ::testing::Values("qwen2_vl", "qwen2_5_vl"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace lensbench
