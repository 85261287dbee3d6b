// Activation patching on random models: every cell against one whole forward with one hook, which
// is written here without the sweep.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>

#include <functional>
#include <lensbench/error.hpp>

#include "activation_patching/reference.hpp"
#include "patching_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::patching {
namespace {

using ::lensbench::testing::message_of;
using ::testing::HasSubstr;

// Float32 forwards in batches of another size, for logits of size about 1.
constexpr double kBruteForce = 2e-5;

const std::vector<std::int64_t> kClean = {3, 17, 5, 5, 11, 2}, kCorrupted = {3, 17, 8, 5, 11, 40};
constexpr std::int64_t kTarget = 6, kVersus = 9, kPosition = 4;

TransformerSpec spec_of(const std::string& family) {
  if (family == "gpt2") return small_gpt2_spec();
  TransformerSpec spec = small_llama_spec();
  if (family == "parallel") {
    spec.family = "gptj";
    spec.parallel_blocks = true;
  }
  return spec;
}

class BruteForce : public ::testing::TestWithParam<const char*> {
 protected:
  using Change = std::function<void(at::Tensor& changed)>;

  at::Tensor read(const std::string& hook, const std::vector<std::int64_t>& ids) const {
    at::Tensor found;
    Hooks hooks;
    hooks.read(hook, [&](const at::Tensor& x, const HookPoint&) { found = x; });
    bench_.model->forward(make_batch(bench_.tokens_of(ids)), {}, hooks);
    return found;
  }
  double metric(const at::Tensor& logits) const {
    const at::Tensor row = logits[0][kPosition].to(at::kDouble);
    return (row[kTarget] - row[kVersus]).item<double>();
  }
  /// Effect of one change of one activation of the corrupted run.
  double effect(const std::string& hook, const Change& change,
                const std::vector<std::int64_t>& base = kCorrupted) const {
    Hooks hooks;
    hooks.replace(hook, [&](const at::Tensor& x, const HookPoint&) {
      at::Tensor changed = x.clone();
      change(changed);
      return changed;
    });
    const TokenBatch batch = make_batch(bench_.tokens_of(base));
    return metric(bench_.model->forward(batch, {}, hooks).logits) -
           metric(bench_.model->forward(batch).logits);
  }
  ActivationPatchingOptions options() const {
    ActivationPatchingOptions options;
    options.metric.versus = Target::token(kVersus);
    options.metric.position = kPosition;
    options.min_gap = 0.0;
    return options;
  }
  Dataset patch(const ActivationPatchingOptions& options) {
    return bench_.tool.patch(bench_.tokens, bench_.tokens_of(kCorrupted), Target::token(kTarget),
                             options);
  }

  PatchingBench bench_{random_model(spec_of(GetParam()), 6, at::kFloat, 0.3), kClean};
};

std::string in_block(std::int64_t block, const std::string& hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

TEST_P(BruteForce, EveryPointByPosition) {
  auto given = options();
  given.points = {"resid_pre", "attn_out", "mlp_out"};
  if (std::string(GetParam()) != "parallel") given.points.push_back("resid_mid");
  given.head_points = {};
  const Dataset result = patch(given);
  for (const std::string& point : given.points)
    for (std::int64_t block = 0; block < 3; ++block) {
      const std::string hook = in_block(block, "hook_" + point);
      const at::Tensor clean = read(hook, kClean);
      for (std::int64_t t = 0; t < 6; ++t)
        EXPECT_NEAR(result[point + "_effect"].tensor[block][t].item<double>(),
                    effect(hook, [&](at::Tensor& x) { x.select(1, t).copy_(clean.select(1, t)); }),
                    kBruteForce)
            << hook << " " << t;
    }
  expect_receipts_hold(result);
}

TEST_P(BruteForce, EveryHeadByPosition) {
  auto given = options();
  given.points = {};
  given.head_points = {"z", "q", "k", "v", "pattern"};
  const Dataset result = patch(given);
  for (const std::string& point : given.head_points)
    for (std::int64_t block = 0; block < 3; ++block) {
      const std::string hook = in_block(block, "attn.hook_" + point);
      const at::Tensor clean = read(hook, kClean);
      const bool pattern = point == "pattern";
      const at::Tensor& found = result[point + "_head_effect"].tensor;
      ASSERT_EQ(found.size(1), clean.size(pattern ? 1 : 2));
      for (std::int64_t head = 0; head < found.size(1); ++head)
        for (std::int64_t t = 0; t < 6; ++t)
          EXPECT_NEAR(found[block][head][t].item<double>(),
                      effect(hook,
                             [&](at::Tensor& x) {
                               const auto part = [&](const at::Tensor& y) {
                                 return pattern ? y[0][head][t] : y[0][t][head];
                               };
                               part(x).copy_(part(clean));
                             }),
                      kBruteForce)
              << hook << " " << head << " " << t;
    }
  expect_receipts_hold(result);
}

TEST_P(BruteForce, WholeHeadsAndWholePoints) {
  auto given = options();
  given.by_position = false;
  given.points = {"resid_pre", "z"};
  given.head_points = {"z", "k", "pattern"};
  const Dataset result = patch(given);
  for (std::int64_t block = 0; block < 3; ++block) {
    const std::string z = in_block(block, "attn.hook_z");
    const at::Tensor clean_z = read(z, kClean);
    EXPECT_NEAR(result["z_effect"].tensor[block].item<double>(),
                effect(z, [&](at::Tensor& x) { x.copy_(clean_z); }), kBruteForce);
    const std::string hook = in_block(block, "attn.hook_pattern");
    const at::Tensor clean = read(hook, kClean);
    for (std::int64_t head = 0; head < clean.size(1); ++head)
      EXPECT_NEAR(result["pattern_head_effect"].tensor[block][head].item<double>(),
                  effect(hook, [&](at::Tensor& x) { x[0][head].copy_(clean[0][head]); }),
                  kBruteForce)
          << block << " " << head;
  }
  const bool grouped = std::string(GetParam()) != "gpt2";
  EXPECT_EQ(result["k_head_effect"].dims[1], grouped ? "kv_head" : "head");
  EXPECT_EQ(result["k_head_effect"].tensor.size(1), grouped ? 2 : 3);
  expect_receipts_hold(result);
}

TEST_P(BruteForce, Ablations) {
  auto given = options();
  given.points = {"attn_out"};
  given.head_points = {"v"};
  const at::Tensor zero =
      bench_.tool.ablate(bench_.tokens, "zero", Target::token(kTarget), given)["v_head_effect"]
          .tensor;
  const Dataset mean =
      bench_.tool.ablate(bench_.tokens, "mean_of_prompt", Target::token(kTarget), given);
  for (std::int64_t block = 0; block < 3; ++block) {
    const std::string out = in_block(block, "hook_attn_out");
    const at::Tensor rows = read(out, kClean)[0].to(at::kDouble);
    for (std::int64_t t = 0; t < 6; ++t) {
      EXPECT_NEAR(
          zero[block][1][t].item<double>(),
          effect(
              in_block(block, "attn.hook_v"), [&](at::Tensor& x) { x[0][t][1].zero_(); }, kClean),
          kBruteForce);
      EXPECT_NEAR(mean["attn_out_effect"].tensor[block][t].item<double>(),
                  effect(
                      out, [&](at::Tensor& x) { x[0][t].copy_(rows.mean(0)); }, kClean),
                  kBruteForce);
    }
  }
  expect_receipts_hold(mean);
}

// Two prompts are long enough and differ from the one that is asked about; one of them is drawn,
// and the other is its control.
TEST_P(BruteForce, ResampleHasAControlOfAnotherPrompt) {
  const std::vector<std::int64_t> one = {20, 4, 4, 9, 2, 13, 8}, two = {6, 1, 15, 9, 12, 7};
  ContextAccess::set_reference_prompts(bench_.context, [&] {
    return std::vector<Tokens>{bench_.tokens, bench_.tokens_of(one), bench_.tokens_of(one),
                               bench_.tokens_of(two)};
  });
  auto given = options();
  given.points = {"mlp_out"};
  given.head_points = {"z"};
  const Dataset result =
      bench_.tool.ablate(bench_.tokens, "resample", Target::token(kTarget), given);
  const bool first = result["source_token"].strings[0] == bench_.tokens_of(one).texts[0];
  EXPECT_EQ(result["control_token"].strings[0], bench_.tokens_of(first ? two : one).texts[0]);
  const std::string hook = in_block(1, "hook_mlp_out"), z = in_block(2, "attn.hook_z");
  const at::Tensor mlp = read(hook, first ? two : one), heads = read(z, first ? two : one);
  for (std::int64_t t = 0; t < 6; ++t) {
    EXPECT_NEAR(result["mlp_out_control"].tensor[1][t].item<double>(),
                effect(
                    hook, [&](at::Tensor& x) { x[0][t].copy_(mlp[0][t]); }, kClean),
                kBruteForce);
    EXPECT_NEAR(result["z_head_control"].tensor[2][1][t].item<double>(),
                effect(
                    z, [&](at::Tensor& x) { x[0][t][1].copy_(heads[0][t][1]); }, kClean),
                kBruteForce);
  }
  EXPECT_EQ(schema_problem({std::begin(kPatchingTable), std::end(kPatchingTable)}, result), "");
}

TEST_P(BruteForce, MeanAndResampleTakeFromReferencePrompts) {
  const std::vector<std::int64_t> other = {20, 4, 4, 9, 2, 13, 8}, brief = {7, 1};
  ContextAccess::set_reference_prompts(bench_.context, [&] {
    return std::vector<Tokens>{bench_.tokens, bench_.tokens_of(other), bench_.tokens_of(brief)};
  });
  auto given = options();
  given.points = {"mlp_out"};
  given.head_points = {};
  const std::string hook = in_block(1, "hook_mlp_out");
  const at::Tensor mean =
      at::cat({read(hook, kClean)[0], read(hook, other)[0], read(hook, brief)[0]})
          .to(at::kDouble)
          .mean(0);
  const Dataset of_mean = bench_.tool.ablate(bench_.tokens, "mean", Target::token(kTarget), given);
  const Dataset resampled =
      bench_.tool.ablate(bench_.tokens, "resample", Target::token(kTarget), given);
  const at::Tensor drawn = read(hook, other);  // the only other prompt that is long enough
  for (std::int64_t t = 0; t < 6; ++t) {
    EXPECT_NEAR(of_mean["mlp_out_effect"].tensor[1][t].item<double>(),
                effect(
                    hook, [&](at::Tensor& x) { x[0][t].copy_(mean); }, kClean),
                kBruteForce);
    EXPECT_NEAR(resampled["mlp_out_effect"].tensor[1][t].item<double>(),
                effect(
                    hook, [&](at::Tensor& x) { x[0][t].copy_(drawn[0][t]); }, kClean),
                kBruteForce);
  }
  EXPECT_EQ(resampled["source_token"].strings.size(), 6u);
  EXPECT_TRUE(resampled["mlp_out_control"].tensor.isnan().all().item<bool>());
  EXPECT_FALSE(of_mean.contains("mlp_out_control"));
  EXPECT_EQ(std::get<std::int64_t>(resampled.attributes.at("seed_stream")),
            static_cast<std::int64_t>(kDrawStream));
  expect_receipts_hold(of_mean);
  expect_receipts_hold(resampled);
}

// A tool of another process takes up what was kept: it would not see these numbers else.
TEST_P(BruteForce, KeepsTheSumsOfItsMeansForTheProcessThatGoesOn) {
  ContextAccess::set_reference_prompts(bench_.context, [&] {
    return std::vector<Tokens>{bench_.tokens, bench_.tokens_of({7, 1})};
  });
  auto given = options();
  given.points = {"mlp_out"};
  given.head_points = {};
  const auto effects_of = [&](auto& tool) {
    return tool.ablate(bench_.tokens, "mean", Target::token(kTarget), given)["mlp_out_effect"]
        .tensor.nan_to_num();
  };
  const at::Tensor first = effects_of(bench_.tool);
  ContextAccess::begin_case(bench_.context);
  const auto kept = bench_.context.committed("run_activation_patching_means");
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ((*kept)["done"].tensor.item<std::int64_t>(), 2);
  EXPECT_EQ((*kept)["positions"].tensor.item<std::int64_t>(), bench_.tokens.size() + 2);
  const auto of_another_process = [&] {
    ActivationPatchingTool tool;
    tool.attach(bench_.context, testing::declared(ActivationPatchingTool::kParameters));
    return effects_of(tool);
  };
  EXPECT_TRUE(first.equal(of_another_process()));
  (*kept)["block_1_hook_mlp_out"].tensor.mul_(2);
  bench_.context.commit("run_activation_patching_means", *kept);
  EXPECT_FALSE(first.equal(of_another_process()));
}

INSTANTIATE_TEST_SUITE_P(Families, BruteForce, ::testing::Values("gpt2", "llama", "parallel"),
                         [](const auto& param_info) { return std::string(param_info.param); });

class Refused : public ::testing::Test {
 protected:
  std::string fault(const Settings& settings, const std::vector<std::int64_t>& corrupted) {
    return message_of<UsageError>([&] {
      Request request(bench_.tokens, bench_.tool.parameters(settings));
      request.set_corrupted(bench_.tokens_of(corrupted));
      bench_.tool.check_parameters(request.parameters());
      bench_.tool.run(request);
    });
  }
  PatchingBench bench_{random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), kClean};
};

TEST_F(Refused, PromptsOfOtherLengthsAreListed) {
  const std::string message = fault({}, {3, 17});
  EXPECT_THAT(message, HasSubstr("has 6 tokens, the corrupted one 2"));
  EXPECT_THAT(message, HasSubstr("clean: '<3>'(3) '<17>'(17) '<5>'(5)"));
  EXPECT_THAT(message, HasSubstr("corrupted: '<3>'(3) '<17>'(17))"));
}

TEST_F(Refused, WhatHasNoMeaning) {
  EXPECT_THAT(fault({}, kClean), HasSubstr("equal token for token"));
  EXPECT_THAT(fault({{"points", "none"}, {"head_points", "none"}}, kCorrupted),
              HasSubstr("both empty"));
  EXPECT_THAT(fault({{"points", "resid_pst"}}, kCorrupted), HasSubstr("resid_pre"));
  EXPECT_THAT(fault({{"metric", "logit_difference"}}, kCorrupted), HasSubstr("set versus"));
  EXPECT_THAT(fault({{"position", "6"}}, kCorrupted), HasSubstr("position 6 is outside"));
  EXPECT_THAT(fault({{"source", "mean"}}, kCorrupted), HasSubstr("expected at least 2"));
  EXPECT_THAT(fault({{"source", "mean_of_prompt"}, {"head_points", "pattern"}}, kCorrupted),
              HasSubstr("cannot replace patterns"));
  EXPECT_THAT(fault({{"source", "resample"}}, kCorrupted), HasSubstr("at least 6 tokens"));
  EXPECT_THAT(fault({{"target", "6"}, {"versus", "6"}}, kCorrupted),
              HasSubstr("give two different tokens"));
  EXPECT_THAT(message_of<UsageError>([&] { grid_points(small_gpt2_spec(), {}, {"mlp_out"}); }),
              HasSubstr("lacks a head axis"));
}

TEST_F(Refused, AReferenceFileWithAFaultBeforeTheFirstCase) {
  const testing::TempDir folder;
  const std::string bad = folder.write("prompts.jsonl", "{\"ids\": [1, 2]}\n{\"ids\": [99999]}\n");
  for (const char* source : {"mean", "resample"})
    EXPECT_THAT(message_of<InputError>([&] {
                  bench_.tool.check_parameters(
                      bench_.tool.parameters({{"source", source}, {"reference", bad}}));
                }),
                HasSubstr("prompts.jsonl:2"));
  const Settings unused = {{"source", "zero"}, {"reference", bad}};
  EXPECT_THAT(
      message_of<UsageError>([&] { bench_.tool.check_parameters(bench_.tool.parameters(unused)); }),
      HasSubstr("only source mean and resample use it"));
}

TEST_F(Refused, PointThatTheFamilyLacks) {
  TransformerSpec spec = small_llama_spec();
  spec.parallel_blocks = true;
  EXPECT_THAT(message_of<UsageError>([&] { grid_points(spec, {"resid_mid"}, {}); }),
              HasSubstr("run in parallel"));
}

// Every layer must have an effect that receipts can see: a metric before the first difference.
TEST_F(Refused, MetricThatNothingCanReachFailsItsReceipt) {
  ActivationPatchingOptions options;
  options.metric.position = 0;
  options.min_gap = 0.0;
  const Dataset result = bench_.tool.patch(bench_.tokens, bench_.tokens_of(kCorrupted),
                                           Target::token(kTarget), options);
  EXPECT_FALSE(receipt_of(result, "no_write_was_without_effect").passed);
  EXPECT_TRUE(result["resid_pre_recovery"].tensor.isnan().all().item<bool>());
}

TEST_F(Refused, RecordsItsOptionsAndBoundsItsMemory) {
  Request request(bench_.tokens, bench_.tool.parameters({{"most_cells", "3"}}));
  request.set_corrupted(bench_.tokens_of(kCorrupted));
  const Dataset small = bench_.tool.run(request);
  for (const ParameterSpec& parameter : ActivationPatchingTool::kParameters) {
    const std::string name = parameter.name;  // the second prompt is source_token
    const bool elsewhere = name.starts_with("corrupted");
    EXPECT_TRUE(elsewhere || small.attributes.contains(name)) << name;
  }
  for (const char* name :
       {"definition", "base_run", "source_run", "sign", "rule", "samples", "seed_stream"})
    EXPECT_TRUE(small.attributes.contains(name)) << name;
  EXPECT_EQ(schema_problem({std::begin(kPatchingTable), std::end(kPatchingTable)}, small), "");
  // Memory is bounded by most_cells, results are not.
  Request whole(bench_.tokens, bench_.tool.parameters());
  whole.set_corrupted(bench_.tokens_of(kCorrupted));
  const Dataset large = bench_.tool.run(whole);
  EXPECT_LE(
      (large["z_head_effect"].tensor - small["z_head_effect"].tensor).abs().max().item<double>(),
      kBruteForce);
  EXPECT_LT(*bench_.tool.estimate(request).bytes, *bench_.tool.estimate(whole).bytes);
  EXPECT_EQ(*bench_.tool.estimate(whole).items, 3 * 6 * (3 + 3));
  const Request resampled(bench_.tokens, bench_.tool.parameters({{"source", "resample"}}));
  EXPECT_EQ(*bench_.tool.estimate(resampled).items, 2 * 3 * 6 * (3 + 3));
}

}  // namespace
}  // namespace lensbench::patching
