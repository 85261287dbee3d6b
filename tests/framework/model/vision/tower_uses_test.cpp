// Gradients, caches, profiles, weights by name and the merger of the vision tower.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
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
#include "tower_fixture.hpp"
#include "tower_reference.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using ::testing::HasSubstr;

class TowerUses : public testing::TowerTest {};

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
TEST_P(TowerUses, HaveTheGradientsOfFiniteDifferences) {
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

TEST_P(TowerUses, HaveGradientsAtActivationsThatAreKept) {
  ForwardOptions options;
  options.gradients = true;
  const auto run = run_with_cache(*model, batch, {"vision_encoder.blocks.1.*"}, options);
  EXPECT_TRUE(run.logits.requires_grad());
  for (const std::string& key : run.cache.keys())
    EXPECT_TRUE(run.cache[key].requires_grad()) << key;
}

TEST_P(TowerUses, KeepPatternsInCachesBySegment) {
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

TEST_P(TowerUses, HaveAProfile) {
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

TEST_P(TowerUses, OfTheMergerOnAnEarlierStreamAreTheTowerLens) {
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

TEST_P(TowerUses, OfWeightsAreByName) {
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

INSTANTIATE_TEST_SUITE_P(Towers, TowerUses, ::testing::Values("qwen2_vl", "qwen2_5_vl"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace lensbench
