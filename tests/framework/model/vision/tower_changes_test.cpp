// Changes at the points of the vision tower: replacements against float64 values of a tower that is
// changed in the same way, interventions, gradients, caches and profiles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/gradients.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/model.hpp>
#include <lensbench/profile.hpp>
#include <lensbench/vision.hpp>
#include <lensbench/weight_changes.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "model/families/family.hpp"
#include "model/families/language_part.hpp"
#include "model/forward/transformer_model.hpp"
#include "model/hooks/hook_points.hpp"
#include "model/weights/weight_taker.hpp"
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
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

at::Tensor numbers_of(const HookPoint& point) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(point.place->parts.size());
  for (const PicturePart& part : point.place->parts) numbers.push_back(part.number);
  return at::tensor(numbers, at::kLong);
}

class TowerChanges : public ::testing::TestWithParam<std::string> {
 protected:
  testing::VisionSample sample{GetParam(), "two_pictures"};
  std::shared_ptr<const Model> model = Model::open(sample.directory().string());
  const VisionSpec& spec = *model->spec().vision;
  Tokens tokens = sample.tokens(spec);
  TokenBatch batch = make_batch(tokens);

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

/// A checkpoint in a type that commands do not offer.
std::shared_ptr<const Model> opened_in_float64(const std::filesystem::path& directory) {
  const Checkpoint checkpoint(directory);
  const LanguagePart part = language_part(checkpoint);
  const ConfigReader config(part.config, part.config_place);
  const Family& family = find_family(config);
  ModelOptions options;
  options.dtype = at::kDouble;
  CheckpointTaker taker(
      checkpoint, options,
      part.body_prefix.empty() ? family.optional_prefix : std::string_view(part.body_prefix),
      part.head_prefix);
  TransformerSpec spec = family.read_spec(config);
  ModelWeights weights = family.take_weights(spec, taker);
  ModelParts parts;
  parts.options = options;
  return make_model(std::move(spec), std::move(weights), std::move(parts));
}

// Central differences in float64 along one direction at each point. The error of the differences is
// of the order of the square of the step.
TEST_P(TowerChanges, HaveTheGradientsOfFiniteDifferences) {
  const auto wide = opened_in_float64(sample.directory());
  // A number of the last stream, since logits are rounded to float32.
  const at::Tensor weights = at::arange(32, at::kDouble).mul(0.7).sin();
  const auto metric = [&](const at::Tensor& stream) {
    return stream[0][tokens.size() - 1].mul(weights).sum();
  };
  const auto found = run_gradients(*wide, batch, {"vision_*"},
                                   [&](const at::Tensor& stream, const RecordedActivations&) {
                                     return metric(stream);
                                   })
                         .gradients;
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  std::set<std::string> points;
  for (const auto& [key, derivative] : found) {
    const std::string name = key.substr(0, key.find('#'));
    points.insert(name);
    const at::Tensor direction =
        at::sin(at::arange(derivative.numel(), at::kDouble).mul(1.7)).view(derivative.sizes());
    const at::Tensor step = direction.mul(1e-5);
    const auto moved = [&, &key = key](const at::Tensor& by) {
      Hooks hooks;
      hooks.replace(name, [&](const at::Tensor& x, const HookPoint& point) {
        return activation_name(point) == key ? x.add(by) : at::Tensor();
      });
      return metric(wide->forward(batch, options, hooks).residual).item<double>();
    };
    const double expected = (moved(step) - moved(step.neg())) / 2e-5;
    const double ours = derivative.mul(direction).sum().item<double>();
    EXPECT_NEAR(ours, expected, 1e-5 * std::max(1.0, std::abs(expected))) << key;
  }
  EXPECT_EQ(points.size(), placed_tower_points(model->spec()).size());
}

TEST_P(TowerChanges, HaveGradientsAtActivationsThatAreKept) {
  ForwardOptions options;
  options.gradients = true;
  const auto run = run_with_cache(*model, batch, {"vision_encoder.blocks.1.*"}, options);
  EXPECT_TRUE(run.logits.requires_grad());
  for (const std::string& key : run.cache.keys())
    EXPECT_TRUE(run.cache[key].requires_grad()) << key;
}

TEST_P(TowerChanges, AreKeptInCachesBySegment) {
  auto cache =
      run_with_cache(*model, batch, {"vision_encoder.blocks.0.attn.*", "vision_projector.*"}).cache;
  const std::string pattern = "vision_encoder.blocks.0.attn.hook_pattern";
  const std::int64_t segments = spec.window_size > 0 ? 5 : 2;
  std::int64_t found = 0;
  for (const std::string& key : cache.keys()) found += key.starts_with(pattern) ? 1 : 0;
  EXPECT_EQ(found, segments);
  EXPECT_LE(largest(cache[pattern + "#1"].sum(-1).sub(1)), 1e-5);
  EXPECT_THAT(message_of<UsageError>([&] { cache[pattern]; }), HasSubstr("ask for"));
  EXPECT_EQ(cache["vision_projector.hook_projected"].size(0), 16);
  cache.remove_batch_dim();
  EXPECT_EQ(cache["vision_projector.hook_in"].size(0), 64);
}

TEST_P(TowerChanges, AreMadeWithAProfileToo) {
  const auto profile = std::make_shared<Profile>();
  const auto profiled = with_profile(model, profile);
  EXPECT_TRUE(profiled->forward(batch).logits.equal(model->forward(batch).logits));
  std::map<std::string, ProfileEntry> entries;
  for (const ProfileEntry& entry : profile->take())
    if (entry.block < 0) entries[entry.component] = entry;
  for (const char* component : {"vision embed", "vision norm", "vision attention", "vision mlp",
                                "vision merger", "vision tower"})
    EXPECT_TRUE(entries.contains(component)) << component;
  // The matrices of queries, keys, values and outputs, with their biases, in float32.
  EXPECT_EQ(entries.at("vision attention").weight_bytes,
            spec.n_layers * 4 * (4 * 16 * 16 + 4 * 16));
  EXPECT_EQ(entries.at("vision norm").calls, 2 * spec.n_layers);
}

TEST_P(TowerChanges, OfTheMergerOnAnEarlierStreamAreTheTowerLens) {
  const testing::TowerReference reference(sample.directory(), spec, tokens.pictures);
  const auto cache = run_with_cache(*model, batch, {"vision_encoder.*hook_resid_*"}).cache;
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    const std::string hook = "vision_encoder.blocks." + std::to_string(block) + ".hook_resid_pre";
    const at::Tensor found = merge_patches(*model, tokens.pictures, cache[hook]);
    const at::Tensor expected = reference.merged(reference.values().at(hook));
    EXPECT_LE(largest_difference(found, expected), 5e-5 * std::max(1.0, largest(expected))) << hook;
  }
  const std::string last =
      "vision_encoder.blocks." + std::to_string(spec.n_layers - 1) + ".hook_resid_post";
  EXPECT_TRUE(merge_patches(*model, tokens.pictures, cache[last])
                  .equal(run_with_cache(*model, batch, {"vision_projector.hook_out"})
                             .cache["vision_projector.hook_out"]));
  EXPECT_THAT(
      message_of<UsageError>([&] { merge_patches(*model, {tokens.pictures[0]}, cache[last]); }),
      HasSubstr("must be [24, 16], found [64, 16]"));
}

TEST_P(TowerChanges, OfWeightsAreMadeByName) {
  const std::string name = "vision_encoder.blocks.1.attn.W_V";
  const at::Tensor w = model->weight(name);
  EXPECT_EQ(w.sizes(), (std::vector<std::int64_t>{2, 16, 8}));
  const auto cache = run_with_cache(
      *model, batch,
      {"vision_encoder.blocks.1.ln1.hook_out", "vision_encoder.blocks.1.attn.hook_v"});
  const at::Tensor v =
      at::einsum("pe,hed->phd", {cache.cache["vision_encoder.blocks.1.ln1.hook_out"], w})
          .add(model->weight("vision_encoder.blocks.1.attn.b_V"));
  EXPECT_LE(largest_difference(v, cache.cache["vision_encoder.blocks.1.attn.hook_v"]), 1e-5);
  const at::Tensor plain = model->forward(batch).logits;
  const auto changed = with_weights(
      model, {{name, w.mul(0)}, {"vision_encoder.blocks.1.attn.b_V", at::zeros({2, 8})}});
  Hooks hooks;
  hooks.replace("vision_encoder.blocks.1.attn.hook_v",
                [](const at::Tensor& x, const HookPoint&) { return at::zeros_like(x); });
  EXPECT_TRUE(changed->forward(batch).logits.equal(model->forward(batch, {}, hooks).logits));
  EXPECT_TRUE(model->forward(batch).logits.equal(plain));
}

INSTANTIATE_TEST_SUITE_P(Towers, TowerChanges, ::testing::Values("qwen2_vl", "qwen2_5_vl"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace lensbench
