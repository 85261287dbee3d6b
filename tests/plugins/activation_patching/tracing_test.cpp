// Causal tracing: hand-derived values on the planted fact, and one whole forward for each
// restoration on random models.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <lensbench/error.hpp>

#include "activation_patching/causal_tracing.hpp"
#include "activation_patching/subject.hpp"
#include "activation_patching/tracing_sweep.hpp"
#include "common/noise.hpp"
#include "patching_fixture.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::tracing {
namespace {

using ::lensbench::patching::expect_receipts_hold;
using ::lensbench::patching::value_of;
using ::lensbench::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using TracingBench = testing::ToolBench<CausalTracingTool>;

TEST(Window, IsThatOfTheReference) {
  // rome:experiments/causal_trace.py: range(max(0, l - w // 2), min(n, l - (-w // 2)))
  EXPECT_THAT(window_blocks(1, 1, 4), ElementsAre(1));
  EXPECT_THAT(window_blocks(1, 2, 4), ElementsAre(0, 1));
  EXPECT_THAT(window_blocks(1, 3, 4), ElementsAre(0, 1, 2));
  EXPECT_THAT(window_blocks(0, 3, 4), ElementsAre(0, 1));
  EXPECT_THAT(window_blocks(3, 2, 4), ElementsAre(2, 3));
  EXPECT_THAT(window_blocks(20, 10, 48), ElementsAre(15, 16, 17, 18, 19, 20, 21, 22, 23, 24));
}

class TracedFact : public ::testing::Test {
 protected:
  static constexpr double kLogit = 2.0;
  static constexpr std::int64_t kSubjectAt = 1, kLastAt = 2;

  /// 1 at places [block, token], else 0.
  static at::Tensor at_places(std::initializer_list<std::pair<std::int64_t, std::int64_t>> places) {
    at::Tensor expected = at::zeros({4, 3}, at::kDouble);
    for (const auto& [block, token] : places) expected[block][token] = 1.0;
    return expected;
  }
  Dataset replaced(std::int64_t window) {
    CausalTracingOptions options;
    options.window = window;
    return bench_.tool.trace_replaced(bench_.tokens,
                                      tokens_from_ids(*bench_.model, tokens_.prompt(1)),
                                      Target::token(tokens_.answer(0)), options);
  }
  void expect_effects(const Dataset& result, std::int64_t kind, const at::Tensor& places) const {
    const at::Tensor found = result["indirect_effect"].tensor[kind];
    EXPECT_LE((found - places * total_).abs().max().item<double>(), 1e-5) << found;
  }

  testing::FactTokens tokens_;
  TracingBench bench_{testing::fact_model(kLogit).open(), tokens_.prompt(0)};
  // The other answer has the logit b in the corrupted run.
  double sum_ = std::exp(kLogit) + static_cast<double>(tokens_.size()) - 1;
  double total_ = (std::exp(kLogit) - 1) / sum_;
};

TEST_F(TracedFact, IsRecalledByOneMlpAndMovedByOneAttention) {
  for (const std::int64_t window : {1, 3}) {
    const Dataset result = replaced(window);
    EXPECT_NEAR(value_of(result, "clean_probability"), std::exp(kLogit) / sum_, 1e-5);
    EXPECT_NEAR(value_of(result, "corrupted_probability"), 1 / sum_, 1e-5);
    EXPECT_NEAR(value_of(result, "total_effect"), total_, 1e-5);
    EXPECT_EQ(result["predicted_correctly"].tensor.item<std::int8_t>(), 1);
    expect_effects(result, 0,
                   at_places({{0, kSubjectAt}, {1, kSubjectAt}, {2, kLastAt}, {3, kLastAt}}));
    if (window == 1) {
      expect_effects(result, 1, at_places({{2, kLastAt}}));
      expect_effects(result, 2, at_places({{1, kSubjectAt}}));
    } else {  // windows around block 1 agree with window 1; neighbours see the same MLP
      expect_effects(result, 1, at_places({{1, kLastAt}, {2, kLastAt}, {3, kLastAt}}));
      expect_effects(result, 2, at_places({{0, kSubjectAt}, {1, kSubjectAt}, {2, kSubjectAt}}));
    }
    EXPECT_EQ(result["source_token"].strings[1], "s1");
    EXPECT_EQ(result["input_token"].strings[1], "s2");
    EXPECT_TRUE(result["indirect_effect_se"].tensor.isnan().all().item<bool>());
    expect_receipts_hold(result);
  }
}

TEST_F(TracedFact, WindowOfTwoCoversTheBlockBefore) {
  expect_effects(replaced(2), 2, at_places({{1, kSubjectAt}, {2, kSubjectAt}}));
}

TEST_F(TracedFact, NoiseOnTheSubjectIsUndoneWhereItsEmbeddingIs) {
  CausalTracingOptions options;
  options.window = 1;
  options.noise = 30.0;
  const Dataset result =
      bench_.tool.trace(bench_.tokens, {kSubjectAt}, Target::token(tokens_.answer(0)), options);
  const at::Tensor effect = result["indirect_effect"].tensor;
  const double total = value_of(result, "total_effect");
  EXPECT_GT(std::abs(total), 1e-3);
  EXPECT_NEAR(effect[0][0][kSubjectAt].item<double>(), total, 1e-5);  // before anything reads it
  EXPECT_NEAR(effect[1][2][kLastAt].item<double>(), total, 1e-5);
  EXPECT_NEAR(effect[0][0][kLastAt].item<double>(), 0.0, 1e-5);
  EXPECT_TRUE(result.contains("control_total_effect"));
  expect_receipts_hold(result);
}

class NoisyTrace : public ::testing::TestWithParam<const char*> {
 protected:
  NoisyTrace() {
    options_.samples = 3;
    options_.window = 2;
    options_.most_cells = 7;
  }
  /// Mean probability of the object over the noises, with hooks that restore.
  at::Tensor restored(const Hooks& restoring, const std::vector<Hooks>& noises) const {
    at::Tensor all = at::empty({static_cast<std::int64_t>(noises.size())}, at::kDouble);
    for (std::size_t i = 0; i < noises.size(); ++i) {
      Hooks hooks = noises[i];
      for (const auto& entry : restoring.entries()) hooks.replace(entry.glob, entry.replacer);
      const at::Tensor logits =
          bench_.model->forward(make_batch(bench_.tokens), {}, hooks).logits[0][5];
      all[static_cast<std::int64_t>(i)] = at::softmax(logits.to(at::kDouble), -1)[kObject];
    }
    return all;
  }
  static constexpr std::int64_t kObject = 6;
  TracingBench bench_{
      random_model(std::string(GetParam()) == "gpt2" ? small_gpt2_spec() : small_llama_spec(), 6,
                   at::kFloat, 0.3),
      {3, 17, 5, 5, 11, 2}};
  CausalTracingOptions options_;
};

TEST_P(NoisyTrace, EqualsOneForwardARestorationAndSample) {
  const std::vector<std::int64_t> subject = {1, 2};
  const Dataset result =
      bench_.tool.trace(bench_.tokens, {2, -5}, Target::token(kObject), options_);
  // The embedding of a token alone is its row, so its entries are those of the matrix.
  const at::Tensor rows = bench_.model->weight("embed.W_E").to(at::kDouble);
  const double nu = 3.0 * rows.std().item<double>();
  EXPECT_NEAR(value_of(result, "noise_standard_deviation"), nu, 1e-6 * nu);
  const auto noises = noise_on(subject, 3, 24, nu, 0);
  const at::Tensor corrupted = restored({}, noises);
  EXPECT_NEAR(value_of(result, "corrupted_probability"), corrupted.mean().item<double>(), 1e-5);
  std::map<std::string, at::Tensor> clean;
  Hooks reading;
  reading.read("blocks.*", [&](const at::Tensor& x, const HookPoint& p) { clean[p.name] = x; });
  bench_.model->forward(make_batch(bench_.tokens), {}, reading);
  const std::vector<std::string> hooks = {"hook_resid_post", "hook_attn_out", "hook_mlp_out"};
  for (std::int64_t kind = 0; kind < 3; ++kind)
    for (std::int64_t block = 0; block < 3; ++block)
      for (std::int64_t token = 0; token < 6; ++token) {
        Hooks restoring;
        for (std::int64_t l = kind == 0 ? block : std::max<std::int64_t>(0, block - 1); l <= block;
             ++l) {
          const std::string name =
              "blocks." + std::to_string(l) + "." + hooks[static_cast<std::size_t>(kind)];
          restoring.replace(name, [&clean, name, token](const at::Tensor& x, const HookPoint&) {
            at::Tensor y = x.clone();
            y.select(1, token).copy_(clean[name].select(1, token));
            return y;
          });
        }
        const at::Tensor p = restored(restoring, noises), effect = p - corrupted;
        const auto found = [&](const char* name) {
          return result[name].tensor[kind][block][token].item<double>();
        };
        EXPECT_NEAR(found("restored_probability"), p.mean().item<double>(), 1e-5);
        EXPECT_NEAR(found("restored_log_probability"), p.log().mean().item<double>(), 1e-4);
        EXPECT_NEAR(found("indirect_effect"), effect.mean().item<double>(), 1e-5);
        EXPECT_NEAR(found("indirect_effect_se"), effect.std().item<double>() / std::sqrt(3.0),
                    1e-5);
      }
  expect_receipts_hold(result);
  EXPECT_EQ(schema_problem({std::begin(kTracingTable), std::end(kTracingTable)}, result), "");
}

TEST_P(NoisyTrace, IsTheSameForASeedAndGivenByItsDeviation) {
  const auto run = [&](const std::string& from) {
    options_.noise_from = from;
    return bench_.tool.trace(bench_.tokens, {1}, Target::token(kObject), options_);
  };
  const Dataset first = run("subject");
  testing::expect_equal(first, run("subject"));
  const at::Tensor row = bench_.model->weight("embed.W_E")[17].to(at::kDouble);
  EXPECT_NEAR(value_of(first, "noise_standard_deviation"), 3 * row.std().item<double>(), 1e-6);
  EXPECT_NE(value_of(first, "noise_standard_deviation"),
            value_of(run("prompt"), "noise_standard_deviation"));
}

INSTANTIATE_TEST_SUITE_P(Families, NoisyTrace, ::testing::Values("gpt2", "llama"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST(Subject, IsFoundByOffsets) {
  const auto model = Model::open(testing::kModel);
  const Tokens tokens = to_tokens(*model, " the God of Abraham, of Isaac, and of");
  const std::vector<std::int64_t> found = subject_positions(*model, tokens, "Isaac");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(tokens.texts[static_cast<std::size_t>(found[0])], " Isaac");
  EXPECT_THAT(message_of<UsageError>([&] { subject_positions(*model, tokens, "of"); }),
              HasSubstr("occurs more than once"));
  EXPECT_THAT(message_of<UsageError>([&] { subject_positions(*model, tokens, "Esau"); }),
              HasSubstr("does not occur in the prompt"));
}

TEST(Subject, IsRefusedWithoutTokensOrOutsideThePrompt) {
  EXPECT_THAT(message_of<UsageError>([] { checked_subject({}, 4); }), HasSubstr("has 0 tokens"));
  EXPECT_THAT(message_of<UsageError>([] { checked_subject({4}, 4); }), HasSubstr("position 4"));
  EXPECT_THAT(checked_subject({-1, 0, 3}, 4), ElementsAre(0, 3));
}

}  // namespace
}  // namespace lensbench::tracing
