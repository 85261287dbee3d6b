#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

// Every hook point of every committed sample of a family: its shape, and what must hold between
// points. Samples are found by themselves, so a new family is tested as soon as it has one.

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::sample_models;

namespace fs = std::filesystem;
using lensbench::testing::message_of;

class EveryHook : public ::testing::TestWithParam<std::string> {
 protected:
  EveryHook() {
    const fs::path folder = fs::path(testing::data_folder()) / "models" / GetParam();
    const SafetensorsFile expected((folder / "expected.safetensors").string());
    model_ = Model::open(folder.string());
    tokens_ = {expected.tensor("ids").clone(), {}};
    for (const HookPoint& point : hook_points(spec())) points_.emplace(point.name, point);
    all_.emplace(run_with_cache(*model_, tokens_, {"*"}).cache);
  }

  const TransformerSpec& spec() const { return model_->spec(); }
  bool has(std::int64_t layer, const std::string& hook) const {
    return std::ranges::count(all_->keys(), name(layer, hook)) == 1;
  }
  static std::string name(std::int64_t layer, const std::string& hook) {
    return "blocks." + std::to_string(layer) + "." + hook;
  }
  at::Tensor at_block(std::int64_t layer, const std::string& hook) const {
    return (*all_)[name(layer, hook)];
  }

  /// Length of a named axis, as the public headers state it; -1 where only the model knows.
  std::int64_t length(const std::string& dim) const {
    const AttentionSpec& attention = spec().attention;
    const LatentAttention latent = spec().latent.value_or(LatentAttention{});
    const std::int64_t batch = tokens_.batch_size(), positions = tokens_.length();
    const std::map<std::string, std::int64_t> known = {
        {"batch", batch},
        {"pos", positions},
        {"query_pos", positions},
        {"key_pos", positions},
        {"batch_pos", batch * positions},
        {"head", attention.n_heads},
        {"kv_head", attention.n_key_value_heads},
        {"d_head", attention.d_head},
        {"d_model", spec().d_model},
        {"d_embedding", spec().embedding_width()},
        {"d_mlp", spec().mlp.d_mlp},
        {"d_dense_mlp", spec().d_dense_mlp},
        {"d_value", spec().d_value()},
        {"d_q_latent", latent.query_rank},
        {"d_kv_latent", latent.key_value_rank},
        {"d_rotary", latent.d_rotary},
        {"vocab", spec().vocab_size},
        {"expert", spec().mlp.n_experts},
        {"choice", spec().mlp.experts_per_token},
        {"query", attention.n_heads * attention.d_head},
        {"key", attention.n_key_value_heads * attention.d_head},
        {"one", 1},
    };
    const auto found = known.find(dim);
    return found == known.end() ? -1 : found->second;
  }

  /// Number of tokens for which the expert of this point was chosen.
  std::int64_t routed(const std::string& name) const {
    const std::size_t at = name.find("experts.");
    const std::int64_t expert = std::stoll(name.substr(at + std::string("experts.").size()));
    return (*all_)[name.substr(0, at) + "hook_expert_indices"]
        .eq(expert)
        .sum()
        .item<std::int64_t>();
  }

  /// Rounding of sums of float32 about as large as `x`.
  static double rounding(const at::Tensor& x) { return 2e-5 * std::max(1.0, largest(x)); }

  std::shared_ptr<const Model> model_;
  TokenBatch tokens_;
  std::map<std::string, HookPoint> points_;
  std::optional<ActivationCache> all_;
};

TEST_P(EveryHook, FiresWithTheStatedShapeAndFiniteValues) {
  EXPECT_EQ(all_->keys().size(), points_.size());
  for (const auto& [name, point] : points_) {
    ASSERT_TRUE(all_->contains(name)) << name << " never fired";
    const at::Tensor& x = (*all_)[name];
    ASSERT_EQ(x.dim(), static_cast<std::int64_t>(point.dims.size())) << name;
    if (point.dims.front() == "routed") {
      EXPECT_EQ(x.size(0), routed(name)) << name;
    }
    for (std::size_t axis = 0; axis < point.dims.size(); ++axis)
      if (const std::int64_t stated = length(point.dims[axis]); stated >= 0) {
        EXPECT_EQ(x.size(static_cast<std::int64_t>(axis)), stated)
            << name << " " << point.dims[axis];
      }
    const bool masked = name.ends_with("attn_scores");  // -inf where a key is hidden
    const at::Tensor finite = masked ? x.isfinite().logical_or(x.eq(-INFINITY)) : x.isfinite();
    EXPECT_TRUE(finite.all().item<bool>()) << name;
  }
}

// Every name of TransformerLens, below `blocks.0.` those that start with a dot.
TEST_P(EveryHook, OfTransformerLensIsThereOrSaysWhyNot) {
  for (const std::string given : {"hook_tokens",
                                  "hook_embed",
                                  "hook_pos_embed",
                                  "hook_full_embed",
                                  "embed.hook_token_type_embed",
                                  "hook_pooler_out",
                                  "hook_nsp_out",
                                  "ln_final.hook_scale",
                                  "ln_final.hook_normalized",
                                  "unembed.hook_in",
                                  "unembed.hook_out",
                                  ".hook_resid_pre",
                                  ".hook_resid_mid",
                                  ".hook_resid_post",
                                  ".hook_normalized_resid_post",
                                  ".hook_attn_out",
                                  ".hook_mlp_out",
                                  ".hook_attn_in",
                                  ".hook_q_input",
                                  ".hook_k_input",
                                  ".hook_v_input",
                                  ".hook_mlp_in",
                                  ".ln1.hook_scale",
                                  ".ln1.hook_normalized",
                                  ".ln2.hook_scale",
                                  ".ln2.hook_normalized",
                                  ".ln1_post.hook_scale",
                                  ".ln1_post.hook_normalized",
                                  ".ln2_post.hook_scale",
                                  ".ln2_post.hook_normalized",
                                  ".attn.hook_q",
                                  ".attn.hook_k",
                                  ".attn.hook_v",
                                  ".attn.hook_rot_q",
                                  ".attn.hook_rot_k",
                                  ".attn.hook_q_latent",
                                  ".attn.hook_kv_latent",
                                  ".attn.hook_attn_scores",
                                  ".attn.hook_pattern",
                                  ".attn.hook_z",
                                  ".attn.hook_result",
                                  ".attn.hook_attn_input",
                                  ".mlp.hook_pre",
                                  ".mlp.hook_post",
                                  ".mlp.hook_pre_linear",
                                  ".mlp.hook_mid",
                                  ".mlp.ln.hook_scale",
                                  ".mlp.ln.hook_normalized",
                                  ".mlp.hook_expert_weights",
                                  ".mlp.hook_expert_indices",
                                  ".mlp.experts.0.hook_gate",
                                  ".mlp.experts.0.hook_pre",
                                  ".mlp.experts.0.hook_post",
                                  ".mlp.experts.99.hook_post",
                                  ".hook_cross_attn_in",
                                  ".hook_cross_attn_out",
                                  ".hook_resid_mid_cross",
                                  ".cross_attn.hook_pattern"}) {
    const std::string name = given.front() == '.' ? "blocks.0" + given : given;
    if (points_.contains(name)) continue;
    const std::string message = message_of<UsageError>([&] { match_hook_points(spec(), name); });
    const std::string subject =
        "'" + name + "' matches no hook point of this " + spec().family + " model: ";
    EXPECT_THAT(message, ::testing::HasSubstr(subject));
  }
}

TEST_P(EveryHook, ReplacedByItselfChangesNothing) {
  const at::Tensor plain = model_->forward(tokens_).logits;
  for (const auto& [name, point] : points_) {
    Hooks hooks;
    hooks.replace(name, [](const at::Tensor& x, const HookPoint&) { return x.clone(); });
    EXPECT_TRUE(model_->forward(tokens_, {}, hooks).logits.equal(plain)) << name;
  }
}

TEST_P(EveryHook, PatternTimesValuesIsZ) {
  const AttentionSpec& attention = spec().attention;
  for (std::int64_t layer = 0; layer < spec().n_layers; ++layer) {
    at::Tensor v = at_block(layer, "attn.hook_v");
    v = v.repeat_interleave(attention.n_heads / attention.n_key_value_heads, 2);
    const at::Tensor z = at::matmul(at_block(layer, "attn.hook_pattern"), v.transpose(1, 2));
    EXPECT_LT(largest(z.transpose(1, 2) - at_block(layer, "attn.hook_z")), rounding(z)) << layer;
  }
}

TEST_P(EveryHook, PatternIsTheSoftmaxOfTheScores) {
  for (std::int64_t layer = 0; layer < spec().n_layers; ++layer) {
    at::Tensor scores = at_block(layer, "attn.hook_attn_scores");
    // The sink of a head is a further score, which takes its share.
    if (spec().attention_sinks) {
      const at::Tensor sinks = model_->weight(name(layer, "attn.sinks")).view({1, -1, 1, 1});
      scores = at::cat({scores, sinks.expand({scores.size(0), -1, scores.size(2), 1})}, -1);
    }
    const at::Tensor pattern =
        scores.softmax(-1).narrow(-1, 0, at_block(layer, "attn.hook_pattern").size(-1));
    EXPECT_LT(largest(pattern - at_block(layer, "attn.hook_pattern")), 1e-6) << layer;
  }
}

TEST_P(EveryHook, HeadsAndBiasSumToTheAttentionOutput) {
  for (std::int64_t layer = 0; layer < spec().n_layers; ++layer) {
    at::Tensor sum = at_block(layer, "attn.hook_result").sum(2);
    const at::Tensor b_o = model_->weight(name(layer, "attn.b_O"));
    if (b_o.defined()) sum = sum + b_o;
    sum = sum * spec().residual_scale;
    // Where a norm follows, its input is what the sum must be: up to its mean and scale.
    const at::Tensor expected =
        has(layer, "ln1_post.hook_scale")
            ? at_block(layer, "ln1_post.hook_normalized") * at_block(layer, "ln1_post.hook_scale")
            : at_block(layer, "hook_attn_out");
    EXPECT_LT(largest(sum - expected), rounding(expected)) << layer;
  }
}

TEST_P(EveryHook, OfTheSublayersSumToTheStream) {
  for (std::int64_t layer = 0; layer < spec().n_layers; ++layer) {
    const at::Tensor& post = at_block(layer, "hook_resid_post");
    // A norm after the addition separates the two sums.
    const bool after = spec().norm_placement == NormPlacement::after_add;
    const at::Tensor attention =
        at_block(layer, "hook_resid_pre") + at_block(layer, "hook_attn_out");
    if (has(layer, "hook_resid_mid")) {
      EXPECT_LT(largest(attention - at_block(layer, "hook_resid_mid")), rounding(post)) << layer;
    }
    if (after) continue;
    EXPECT_LT(largest(attention + at_block(layer, "hook_mlp_out") - post), rounding(post)) << layer;
    if (layer + 1 < spec().n_layers) {
      EXPECT_TRUE(post.equal(at_block(layer + 1, "hook_resid_pre"))) << layer;
    }
  }
}

TEST_P(EveryHook, OfTheHeadAreTheLogits) {
  EXPECT_TRUE((*all_)["unembed.hook_out"].equal(model_->forward(tokens_).logits));
  EXPECT_TRUE(model_->unembed((*all_)["unembed.hook_in"]).equal((*all_)["unembed.hook_out"]));
}

INSTANTIATE_TEST_SUITE_P(Samples, EveryHook, ::testing::ValuesIn(sample_models()),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); },
                               '_');
                           return name;
                         });

}  // namespace
}  // namespace lensbench
