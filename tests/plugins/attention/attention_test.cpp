// What is kept and refused, and traps of other programs.
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>

#include "attention_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/planted_attention.hpp"

namespace lensbench::attention {
namespace {

using ::lensbench::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<std::int64_t> kIds = {3, 17, 5, 5, 11, 17};

class AttentionToolTest : public ::testing::Test {
 protected:
  std::string refusal(const std::map<std::string, std::string>& given) {
    return message_of<UsageError>([&] { run_with(gpt2_, given); });
  }

  AttentionBench gpt2_{sample("gpt2"), kIds};
};

TEST_F(AttentionToolTest, KeepsThePatternsOfNamedHeadsInTheirOrder) {
  const Dataset found = run_with(gpt2_, {{"patterns", "L1H3, L0H2"}});
  EXPECT_FALSE(found.contains("pattern"));
  EXPECT_EQ(found["selected_head"].strings, (std::vector<std::string>{"L1H3", "L0H2"}));
  const at::Tensor kept = found["selected_pattern"].tensor.to(at::kDouble);
  EXPECT_TRUE(kept[0].equal(read(gpt2_, block_hook(1, "hook_pattern"))[3]));
  EXPECT_TRUE(kept[1].equal(read(gpt2_, block_hook(0, "hook_pattern"))[2]));
}

TEST_F(AttentionToolTest, KeepsNoPatternIfNoneIsWanted) {
  const Dataset found = run_with(gpt2_, {{"patterns", "none"}, {"detectors", "none"}});
  EXPECT_FALSE(found.contains("pattern"));
  EXPECT_FALSE(found.contains("selected_pattern"));
  EXPECT_FALSE(found.contains("query_position"));
  EXPECT_FALSE(found.contains("detector_score"));
  EXPECT_TRUE(found.contains("entropy"));
}

TEST_F(AttentionToolTest, RefusesHeadsThatTheModelLacks) {
  EXPECT_THAT(refusal({{"patterns", "L2H0"}}),
              AllOf(HasSubstr("L2H0"), HasSubstr("2 blocks of 4 heads"), HasSubstr("L1H3")));
  EXPECT_THAT(refusal({{"patterns", "L0H4"}}), HasSubstr("L0H4"));
  for (const char* wrong : {"0.1", "L1", "LH", "L-1H0", "L1H0x", "all,L0H0", "H0"})
    EXPECT_THAT(refusal({{"patterns", wrong}}), HasSubstr("expected all, none or heads,")) << wrong;
  EXPECT_THAT(refusal({{"patterns", "L1H0,L1H0"}}), HasSubstr("twice"));
}

TEST_F(AttentionToolTest, NamesTheBytesOfPatternsThatAreTooLarge) {
  // 2 blocks x 4 heads x 6 x 6 tokens x 4 bytes.
  EXPECT_THAT(refusal({{"max_pattern_bytes", "1151"}}),
              AllOf(HasSubstr("1152 bytes"), HasSubstr("max_pattern_bytes (1151)"),
                    HasSubstr("patterns=none")));
  EXPECT_NO_THROW(run_with(gpt2_, {{"max_pattern_bytes", "1152"}}));
  EXPECT_NO_THROW(run_with(gpt2_, {{"max_pattern_bytes", "144"}, {"patterns", "L0H0"}}));
  EXPECT_NO_THROW(run_with(gpt2_, {{"max_pattern_bytes", "0"}, {"patterns", "none"}}));
  // 3 layers x 6 x 6 tokens x 8 bytes.
  const std::map<std::string, std::string> rollout = {{"patterns", "none"}, {"flow", "rollout"}};
  auto limited = rollout;
  limited["max_pattern_bytes"] = "863";
  EXPECT_THAT(refusal(limited), AllOf(HasSubstr("864 bytes"), HasSubstr("leave out flow=rollout")));
  limited["max_pattern_bytes"] = "864";
  EXPECT_NO_THROW(run_with(gpt2_, limited));
}

TEST_F(AttentionToolTest, HasTheSizeOfPatternsOfGptTwoSmallBeforeItRuns) {
  TransformerSpec spec;
  spec.n_layers = spec.attention.n_heads = 12;
  ObservationPlan plan;
  plan.kept.all = true;
  EXPECT_EQ(stored_bytes(spec, plan, 1024), std::int64_t{603979776});
}

TEST_F(AttentionToolTest, RefusesAPositionOutsideThePrompt) {
  EXPECT_THAT(refusal({{"position", "6"}, {"flow", "rollout"}}), HasSubstr("prompt of 6 tokens"));
  EXPECT_THAT(refusal({{"position", "-7"}, {"flow", "rollout"}}), HasSubstr("-1 to -6"));
}

TEST_F(AttentionToolTest, RefusesWrongOptionsOfTheTypedCall) {
  const auto typed = [&](const AttentionOptions& options) {
    return message_of<UsageError>([&] { gpt2_.tool.analyze(gpt2_.tokens, options); });
  };
  EXPECT_THAT(typed({.detectors = {"inducton"}}), HasSubstr("'inducton' is unknown"));
  EXPECT_THAT(typed({.detectors = {"induction", "induction"}}), HasSubstr("twice"));
  EXPECT_THAT(typed({.top_k = -1}), HasSubstr("top_k"));
  EXPECT_THAT(typed({.flow = {"roll"}}), HasSubstr("rollout, max_flow"));
  EXPECT_THAT(typed({.flow = {"rollout", "rollout"}}), HasSubstr("twice"));
  EXPECT_THAT(typed({.residual_weight = 1.0}), HasSubstr("residual_weight"));
  EXPECT_THAT(message_of<UsageError>([&] { gpt2_.tool.analyze({}, {}); }), HasSubstr("empty"));
}

TEST_F(AttentionToolTest, AsksTheContextForNoPatternOfAllBlocksAtOnce) {
  run_with(gpt2_, {});
  EXPECT_EQ(ContextAccess::forwards(gpt2_.context), 0);
}

TEST(AttentionFlow, RefusesPromptsTooLongForAMaximumFlow) {
  const testing::PlantedModel planted({.n_positions = 140, .vocabulary = {"a"}});
  AttentionBench bench(planted.open(), std::vector<std::int64_t>(129, 0));
  const std::string message = message_of<UsageError>(
      [&] { bench.tool.analyze(bench.tokens, {.patterns = {}, .flow = {"max_flow"}}); });
  EXPECT_THAT(message, AllOf(HasSubstr("at most 128"), HasSubstr("found 129")));
  EXPECT_NO_THROW(bench.tool.analyze(bench.tokens, {.patterns = {}, .flow = {"rollout"}}));
}

// TransformerLens #1745 wrote masks into the cache of patterns and dropped options for lists.
TEST_F(AttentionToolTest, ExclusionChangesDetectorsAlone) {
  const Dataset plain = run_with(gpt2_, {});
  const Dataset without = run_with(gpt2_, {{"exclude_first", "true"}, {"exclude_current", "true"}});
  for (const char* name : {"pattern", "entropy", "first_token_mass", "received"})
    EXPECT_TRUE(without[name].tensor.equal(plain[name].tensor)) << name;
  EXPECT_TRUE(run_with(gpt2_, {})["detector_share"].tensor.equal(plain["detector_share"].tensor));
  for (const std::string& name : plain["detector"].strings) {
    const std::int64_t at = detector(plain, name);
    EXPECT_FALSE(without["detector_share"].tensor[at].equal(plain["detector_share"].tensor[at]))
        << name;
  }
  EXPECT_EQ(value_at(without, "eligible_queries", {detector(without, "current_token")}), 0.0);
  EXPECT_EQ(value_at(without, "eligible_queries", {detector(without, "first_token")}), 0.0);
  // The query at position 1 has the first token as its only previous one.
  EXPECT_EQ(value_at(without, "eligible_queries", {detector(without, "previous_token")}), 4.0);
}

TEST(DetectorMasks, HaveTheKeysThatTheirDefinitionSays) {
  const std::vector<std::int64_t> ids = {7, 7, 4, 7};
  const auto mask = [&](Detector kind) { return detector_mask(kind, ids, {}); };
  EXPECT_EQ(mask(Detector::previous_token), (Mask{{}, {0}, {1}, {2}}));
  EXPECT_EQ(mask(Detector::duplicate_token), (Mask{{}, {0}, {}, {0, 1}}));
  // The second 7 follows the first, so it is itself a key of its own query.
  EXPECT_EQ(mask(Detector::induction), (Mask{{}, {1}, {}, {1, 2}}));
  EXPECT_EQ(mask(Detector::current_token), (Mask{{0}, {1}, {2}, {3}}));
  EXPECT_EQ(mask(Detector::first_token), (Mask{{0}, {0}, {0}, {0}}));
  EXPECT_EQ(detector_mask(Detector::duplicate_token, ids, {.first = true, .current = false}),
            (Mask{{}, {}, {}, {1}}));
}

// TransformerLens #1624, #74: a beginning-of-sequence token that is added shifts every position.
TEST(AttentionTokens, AreThoseOfThePromptAlone) {
  const auto model = testing::induction_model(3, 8).open();
  AttentionBench bench(model, {1, 2, 3});
  bench.tokens = to_tokens(*model, "t1 t2 t3");
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  EXPECT_EQ(found.dim("token"), 3);
  EXPECT_EQ(found.dim("key_position"), 3);
  EXPECT_EQ(testing::largest(found["special_mass"].tensor), 0.0);
}

TEST(AttentionTokens, HaveNoSpecialMassWithoutATokenizer) {
  AttentionBench bench(sample("gpt2"), kIds);
  EXPECT_FALSE(bench.tool.analyze(bench.tokens, {}).contains("special_mass"));
}

TEST_F(AttentionToolTest, ListsFewerKeysWhereAQuerySeesFewer) {
  const Dataset found = run_with(gpt2_, {{"top_k", "3"}});
  EXPECT_EQ(value_at(found, "top_key", {0, 0, 0, 0}), 0.0);
  EXPECT_EQ(value_at(found, "top_key", {0, 0, 0, 1}), -1.0);
  EXPECT_TRUE(std::isnan(value_at(found, "top_weight", {0, 0, 0, 1})));
  EXPECT_GE(value_at(found, "top_key", {0, 0, 2, 2}), 0.0);
  EXPECT_GE(value_at(found, "top_weight", {1, 2, 5, 0}),
            value_at(found, "top_weight", {1, 2, 5, 1}));
}

TEST(AttentionOfOneToken, IsThatTokenItself) {
  AttentionBench bench(sample("gpt2"), {7});
  const Dataset found = bench.tool.analyze(bench.tokens, {.flow = {"rollout", "max_flow"}});
  EXPECT_NEAR(value_at(found, "max_flow", {0}), 1.0, 1e-6);
  EXPECT_NEAR(value_at(found, "rollout", {2, 0, 0}), 1.0, 1e-6);
  EXPECT_EQ(value_at(found, "eligible_queries", {detector(found, "previous_token")}), 0.0);
  expect_receipts_hold(found);
}

TEST(AttentionReceipts, FailForPatternsThatAreNotProbabilities) {
  // An intervention that halves a pattern leaves rows whose sum is 1/2.
  Intervention halve;
  halve.at.hook = "blocks.0.attn.hook_pattern";
  halve.action = ScaleBy{0.5};
  const auto changed = with_interventions(sample("gpt2"), {halve});
  AttentionBench bench(changed, kIds);
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  EXPECT_EQ(found.receipts[0].name, "attention_rows_sum_to_one");
  EXPECT_FALSE(found.receipts[0].passed);
  EXPECT_NEAR(found.receipts[0].value, 0.5, 1e-6);
  EXPECT_TRUE(found.receipts[2].passed) << "z is the product of the changed pattern";
}

// TransformerLens #389: rows of queries that see no key became NaN.
TEST(AttentionReceipts, FailForRowsThatAreNotNumbers) {
  TransformerSpec spec;
  const MeasurePlan plan;
  const Measures measures(1, 1, 2, plan);
  HeadActivations one{at::tensor({1.0, 0.0, std::nan(""), std::nan("")}, at::kDouble).view({2, 2}),
                      at::ones({2, 1}, at::kDouble), at::ones({2, 1}, at::kDouble),
                      at::ones({1, 3}, at::kDouble)};
  const HeadErrors errors = measure_head(spec, 0, 0, one, plan, measures);
  EXPECT_TRUE(std::isnan(errors.row_sum));
  EXPECT_TRUE(std::isnan(errors.result));
  EXPECT_FALSE(make_receipt("attention_rows_sum_to_one", errors.row_sum, 1e-5).passed);
}

TEST(AttentionReceipts, AllowTheRoundingOfHalfPrecision) {
  const auto model = Model::open(testing::data_folder() + "/models/gpt2", {.dtype = at::kBFloat16});
  AttentionBench bench(model, kIds);
  expect_receipts_hold(bench.tool.analyze(bench.tokens, {.flow = {"rollout"}}));
}

}  // namespace
}  // namespace lensbench::attention
