#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "support/prompts.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest_difference;
using ::testing::HasSubstr;
using testing::prompt_of;
using ::testing::ThrowsMessage;

// Float32 sums in another order differ by a few units in the last place of values of size 1 to 10.
constexpr double kReordered = 2e-5;

/// Tolerance for logits: relative to the largest where that is above 1. Norms after a sublayer
/// enlarge what a small output was rounded by.
double reordered(const at::Tensor& logits) {
  return kReordered * std::max(1.0, logits.abs().max().item<double>());
}

/// What must hold for both kinds of model.
class Forward : public ::testing::TestWithParam<const char*> {
 protected:
  static TransformerSpec spec_of(const std::string& kind) {
    TransformerSpec spec = kind == "gpt2" ? small_gpt2_spec() : small_llama_spec();
    if (kind == "dynamic") {
      spec.rope->scaling = RopeSpec::Scaling::dynamic;
      spec.rope->factor = 8.0;
      spec.rope->original_max_positions = 4;
    }
    if (kind == "window") spec.attention.windows = {3, 0, 3};
    if (kind == "chunk") spec.attention.windows = {-3, 0, -3};
    if (kind == "rotated_norm") {
      spec.attention.query_key_norm = NormSpec{NormKind::rms_norm, 1e-6, false, false, false};
      spec.unrotated_blocks = {false, true, false};
    }
    if (kind == "softcap") {
      spec.attention.score_softcap = 2.0;
      spec.logit_softcap = 3.0;
    }
    if (kind == "parallel") spec.parallel_blocks = true;
    if (kind == "norm_after") spec.norm_placement = NormPlacement::before_and_after;
    if (kind == "norm_only_after") spec.norm_placement = NormPlacement::after_sublayer;
    if (kind == "query_key_norm") spec.attention.query_key_norm = spec.norm;
    if (kind == "whole_query_key_norm") {
      spec.attention.query_key_norm = {.wide_gain = true};
      spec.attention.query_key_norm_whole = true;
    }
    if (kind == "local_rope") {
      spec.attention.windows = {3, 0, 3};
      spec.local_rope = spec.rope;
      spec.local_rope->theta = 10.0;
    }
    if (kind == "longrope") {
      spec.rope->scaling = RopeSpec::Scaling::longrope;
      spec.rope->factor = 4.0;
      spec.rope->original_max_positions = 2;
      spec.rope->short_factor = {1.0, 1.0, 1.0, 1.0};
      spec.rope->long_factor = {1.0, 1.5, 2.0, 4.0};
    }
    if (kind == "mixture") {
      spec.mlp.n_experts = 5;
      spec.mlp.experts_per_token = 2;
    }
    return spec;
  }

  TransformerSpec spec = spec_of(GetParam());
  std::shared_ptr<const Model> model = random_model(spec, 7, at::kFloat, 0.3);
  Tokens tokens = prompt_of({3, 14, 15, 9, 26, 5, 35, 8});
  TokenBatch batch = make_batch(tokens);

  ActivationCache activations(const std::vector<std::string>& globs) {
    return run_with_cache(*model, batch, globs).cache;
  }
  static std::string at_layer(std::int64_t layer, const std::string& name) {
    return "blocks." + std::to_string(layer) + "." + name;
  }
};

TEST_P(Forward, GivesEveryHookPointOnceInItsOrder) {
  std::vector<std::string> seen, expected;
  model->forward(batch, {}, Hooks().read("*", [&](const at::Tensor& x, const HookPoint& point) {
    seen.push_back(point.name);
    EXPECT_EQ(x.dim(), static_cast<std::int64_t>(point.dims.size())) << point.name;
  }));
  for (const HookPoint& point : hook_points(spec)) expected.push_back(point.name);
  EXPECT_THAT(seen, ::testing::UnorderedElementsAreArray(expected));
}

TEST_P(Forward, ReplacingEveryActivationByItselfChangesNoBit) {
  const auto copy = [](const at::Tensor& x, const HookPoint&) { return x.clone(); };
  const at::Tensor plain = model->forward(batch).logits;
  EXPECT_TRUE(at::equal(plain, model->forward(batch, {}, Hooks().replace("*", copy)).logits));
}

TEST_P(Forward, PatternTimesValuesIsZ) {
  const auto seen = activations({"blocks.1.attn.*"});
  const std::int64_t group = spec.attention.n_heads / spec.attention.n_key_value_heads;
  const at::Tensor v = seen[at_layer(1, "attn.hook_v")].repeat_interleave(group, 2);
  const at::Tensor z = at::einsum("bhqk,bkhd->bqhd", {seen[at_layer(1, "attn.hook_pattern")], v});
  EXPECT_LT(largest_difference(z, seen[at_layer(1, "attn.hook_z")]), kReordered);
}

TEST_P(Forward, HeadResultsAndBiasSumToTheAttentionOutput) {
  if (spec.norm_placement != NormPlacement::before) GTEST_SKIP() << "a norm is between them";
  const auto seen = activations({"blocks.0.attn.hook_result", "blocks.0.hook_attn_out"});
  at::Tensor sum = seen[at_layer(0, "attn.hook_result")].sum(2);
  const at::Tensor bias = model->weight("blocks.0.attn.b_O");
  if (bias.defined()) sum = sum.add(bias);
  EXPECT_LT(largest_difference(sum, seen[at_layer(0, "hook_attn_out")]), kReordered);
}

TEST_P(Forward, BlockAddsItsAttentionAndMlpOutputsToTheStream) {
  const auto seen = activations({"blocks.2.hook_*"});
  const at::Tensor sum = seen[at_layer(2, "hook_resid_pre")]
                             .add(seen[at_layer(2, "hook_attn_out")])
                             .add(seen[at_layer(2, "hook_mlp_out")]);
  EXPECT_LT(largest_difference(sum, seen[at_layer(2, "hook_resid_post")]), kReordered);
}

TEST_P(Forward, NormalizedIsTheCentredStreamOverTheScale) {
  if (spec.norm_placement == NormPlacement::after_sublayer)
    GTEST_SKIP() << "nothing is normed before the sublayers";
  const auto seen = activations({"blocks.1.ln1.*", "blocks.1.hook_resid_pre"});
  at::Tensor x = seen[at_layer(1, "hook_resid_pre")];
  if (spec.norm.kind == NormKind::layer_norm) x = x.sub(x.mean(-1, true));
  EXPECT_LT(largest_difference(x.div(seen[at_layer(1, "ln1.hook_scale")]),
                               seen[at_layer(1, "ln1.hook_normalized")]),
            kReordered);
}

TEST_P(Forward, LensOfTheLastStreamIsTheLogits) {
  const ForwardOutput output = model->forward(batch);
  EXPECT_TRUE(at::equal(model->unembed(model->final_norm(output.residual)), output.logits));
}

TEST_P(Forward, PaddedBatchEqualsItsSequencesAlone) {
  const std::vector<Tokens> sequences = {tokens, prompt_of({7, 1, 2}), prompt_of({60})};
  const at::Tensor together = model->forward(make_batch(sequences)).logits;
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const std::int64_t length = sequences[row].size();
    const at::Tensor real =
        together[static_cast<std::int64_t>(row)].narrow(0, tokens.size() - length, length);
    const at::Tensor alone = model->forward(make_batch(sequences[row])).logits[0];
    EXPECT_LT(largest_difference(real, alone), reordered(alone)) << "sequence " << row;
  }
}

TEST_P(Forward, PaddedPositionsAreNeverAttendedTo) {
  const TokenBatch padded = make_batch(std::vector<Tokens>{tokens, prompt_of({7, 1, 2})});
  const auto seen = run_with_cache(*model, padded, {"blocks.0.attn.hook_pattern"}).cache;
  const at::Tensor pattern = seen["blocks.0.attn.hook_pattern"][1];
  EXPECT_EQ(pattern.narrow(2, 0, 5).abs().max().item<double>(), 0.0);
  EXPECT_LT(largest_difference(pattern.sum(-1).narrow(1, 5, 3), at::ones({1})), 1e-6);
}

TEST_P(Forward, StoppingAndStartingAgainEqualsTheWholeForward) {
  ForwardOptions first, second;
  first.stop_at_layer = 2;
  const ForwardOutput half = model->forward(batch, first);
  EXPECT_FALSE(half.logits.defined());
  second.start_at_layer = 2;
  second.residual = half.residual;
  EXPECT_TRUE(at::equal(model->forward(batch, second).logits, model->forward(batch).logits));
}

TEST_P(Forward, LastLogitsAreThoseOfTheLastPosition) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::last;
  const at::Tensor last = model->forward(batch, options).logits;
  EXPECT_EQ(last.size(1), 1);
  EXPECT_LT(largest_difference(last.select(1, 0), model->forward(batch).logits.select(1, 7)),
            kReordered);
}

TEST_P(Forward, CachedLogitsEqualUncachedOnesForAPaddedBatch) {
  const TokenBatch padded = make_batch(std::vector<Tokens>{tokens, prompt_of({7, 1, 2})});
  const at::Tensor more = at::tensor({11, 12, 13, 21, 22, 23}, at::kLong).view({2, 3});
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  model->forward(padded, options);
  if (std::string(GetParam()) == "dynamic") {
    EXPECT_THROW(model->forward({more, {}}, options), UsageError);
    return;
  }
  at::Tensor last;
  for (std::int64_t step = 0; step < 3; ++step)
    last = model->forward({more.narrow(1, step, 1), {}}, options).logits;
  EXPECT_EQ(cache.length(), 11);
  const at::Tensor ids = at::cat({padded.ids, more}, 1);
  const at::Tensor mask = at::cat({padded.mask, at::full({2, 3}, true, at::kBool)}, 1);
  const at::Tensor whole = model->forward({ids, mask}).logits.narrow(1, 10, 1);
  EXPECT_LT(largest_difference(last, whole), reordered(whole));
}

TEST_P(Forward, GradientEqualsTheFiniteDifference) {
  const std::string point = "blocks.1.hook_resid_post";
  at::Tensor stream;
  ForwardOptions options;
  options.gradients = true;
  const at::Tensor logits =
      model
          ->forward(batch, options,
                    Hooks().replace(point,
                                    [&](const at::Tensor& x, const HookPoint&) {
                                      stream = x.detach().requires_grad_();
                                      return stream;
                                    }))
          .logits;
  logits[0][7][4].backward();
  const double gradient = stream.grad()[0][5][3].item<double>();
  const double step = 1e-2;
  const auto moved = [&](double by) {
    return model
        ->forward(batch, {},
                  Hooks().replace(point,
                                  [&](const at::Tensor& x, const HookPoint&) {
                                    at::Tensor y = x.clone();
                                    y[0][5][3] += by;
                                    return y;
                                  }))
        .logits[0][7][4]
        .item<double>();
  };
  // Central difference in float32: rounding 1e-6 / step, curvature step².
  EXPECT_NEAR(gradient, (moved(step) - moved(-step)) / (2 * step), 2e-3 * (1 + std::abs(gradient)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Forward,
                         ::testing::Values("gpt2", "llama", "dynamic", "window", "chunk",
                                           "rotated_norm", "softcap", "parallel", "norm_after",
                                           "norm_only_after", "query_key_norm",
                                           "whole_query_key_norm", "local_rope", "longrope",
                                           "mixture"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST(LongRope, RefusesACacheThatItsScalingOutgrows) {
  TransformerSpec spec = small_llama_spec();
  spec.rope->scaling = RopeSpec::Scaling::longrope;
  spec.rope->original_max_positions = 4;
  spec.rope->short_factor = {1.0, 1.0, 1.0, 1.0};
  spec.rope->long_factor = {1.0, 1.5, 2.0, 4.0};
  const auto model = random_model(spec, 7);
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  model->forward(make_batch(prompt_of({1, 2, 3})), options);
  model->forward(make_batch(prompt_of({4})), options);
  EXPECT_THROW(model->forward(make_batch(prompt_of({5})), options), UsageError);
}

TEST(ForwardOptions, RefuseWhatDoesNotFitTheModel) {
  const auto model = random_model(small_gpt2_spec(), 1);
  const TokenBatch batch = make_batch(prompt_of({1, 2}));
  const auto with = [&](auto change) {
    return [&model, &batch, change] {
      ForwardOptions options;
      change(options);
      model->forward(batch, options);
    };
  };
  EXPECT_THROW(with([](ForwardOptions& o) { o.stop_at_layer = 4; })(), UsageError);
  EXPECT_THROW(with([](ForwardOptions& o) { o.start_at_layer = 1; })(), UsageError);
  EXPECT_THROW(with([](ForwardOptions& o) { o.residual = at::zeros({1, 3, 24}); })(), UsageError);
  EXPECT_THROW(model->forward({at::full({1, 2}, 61, at::kLong), {}}), UsageError);
  EXPECT_THROW(model->forward({at::full({1, 65}, 1, at::kLong), {}}), InputError);
  const at::Tensor right_padded = at::tensor({1, 0}, at::kLong).view({1, 2}).to(at::kBool);
  EXPECT_THROW(model->forward({batch.ids, right_padded}), UsageError);
}

TEST(Attention, InTilesEqualsAttentionAtOnce) {
  TransformerSpec spec = small_llama_spec();
  spec.max_positions = 4096;
  spec.n_layers = 1;
  const auto model = random_model(spec, 3, at::kFloat, 0.3);
  // 2048 positions and 4 heads are several tiles; with the hook, scores exist whole.
  const at::Tensor ids = at::arange(2048, at::kLong).remainder(61).unsqueeze(0);
  const auto seen = run_with_cache(*model, {ids, {}}, {"blocks.0.attn.*"}).cache;
  const at::Tensor v = seen["blocks.0.attn.hook_v"].repeat_interleave(2, 2).permute({0, 2, 1, 3});
  const at::Tensor z = at::matmul(seen["blocks.0.attn.hook_pattern"], v).permute({0, 2, 1, 3});
  EXPECT_LT(largest_difference(z, seen["blocks.0.attn.hook_z"]), kReordered);
}

TEST(HookNames, ThatMatchNothingNameTheNearest) {
  EXPECT_THAT([] { match_hook_points(small_gpt2_spec(), "blocks.1.hook_resid_posst"); },
              ThrowsMessage<UsageError>(HasSubstr("'blocks.1.hook_resid_post'")));
}

TEST(HookNames, ThatAFamilyDoesNotHaveSayWhy) {
  EXPECT_THAT([] { match_hook_points(small_gpt2_spec(), "blocks.0.attn.hook_rot_q"); },
              ThrowsMessage<UsageError>(HasSubstr("does not use rotary positions")));
  EXPECT_THAT([] { match_hook_points(small_llama_spec(), "hook_pos_embed"); },
              ThrowsMessage<UsageError>(HasSubstr("does not add a position embedding")));
  EXPECT_THAT([] { match_hook_points(small_llama_spec(), "blocks.3.hook_mlp_out"); },
              ThrowsMessage<UsageError>(HasSubstr("layers 0 to 2")));
}

TEST(HookNames, MayBeGlobs) {
  const TransformerSpec spec = small_llama_spec();
  EXPECT_EQ(match_hook_points(spec, "blocks.*.hook_resid_post").size(), 3u);
  EXPECT_EQ(match_hook_points(spec, "blocks.[0-1].attn.hook_[qkv]").size(), 6u);
  EXPECT_EQ(match_hook_points(spec, "blocks.?.ln[!2].hook_scale").size(), 3u);
}

TEST(Hooks, ThatTheForwardNeverReachesAreAnError) {
  const auto model = random_model(small_gpt2_spec(), 1);
  const TokenBatch batch = make_batch(prompt_of({1, 2}));
  ForwardOptions stopped, silent;
  stopped.stop_at_layer = 1;
  silent.logits = ForwardOptions::Logits::none;
  const auto ignore = [](const at::Tensor&, const HookPoint&) {};
  EXPECT_THROW(model->forward(batch, stopped, Hooks().read("blocks.1.hook_resid_pre", ignore)),
               UsageError);
  EXPECT_THROW(model->forward(batch, silent, Hooks().read("unembed.hook_out", ignore)), UsageError);
}

TEST(Hooks, RefuseAReplacementOfAnotherShapeOrType) {
  const auto model = random_model(small_gpt2_spec(), 1);
  const TokenBatch batch = make_batch(prompt_of({1, 2}));
  const auto run = [&](auto change) {
    model->forward(batch, {}, Hooks().replace("blocks.1.hook_mlp_out", change));
  };
  EXPECT_THROW(run([](const at::Tensor& x, const HookPoint&) { return x.narrow(1, 0, 1); }),
               UsageError);
  EXPECT_THROW(run([](const at::Tensor& x, const HookPoint&) { return x.to(at::kDouble); }),
               UsageError);
}

TEST(Hooks, RunInTheOrderTheyWereAdded) {
  const auto model = random_model(small_gpt2_spec(), 1);
  at::Tensor before, after;
  Hooks hooks;
  hooks.read("hook_embed", [&](const at::Tensor& x, const HookPoint&) { before = x; })
      .replace("hook_embed", [](const at::Tensor& x, const HookPoint&) { return x.mul(2); })
      .read("hook_embed", [&](const at::Tensor& x, const HookPoint&) { after = x; });
  model->forward(make_batch(prompt_of({1, 2})), {}, hooks);
  EXPECT_TRUE(at::equal(before.mul(2), after));
}

}  // namespace
}  // namespace lensbench
