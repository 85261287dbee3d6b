// Values derived by hand for models whose heads are known (tests/support/planted_attention.hpp).
#include <cmath>

#include "attention_fixture.hpp"
#include "support/planted_attention.hpp"

namespace lensbench::attention {
namespace {

// Float32 weights of rows that are exact in float64.
constexpr double kPlanted = 1e-6;

TEST(PreviousTokenHead, HasScoreOneButAShareBelowOne) {
  AttentionBench bench(testing::previous_token_model().open(), {1, 2, 3, 4, 5});
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  const std::int64_t previous = detector(found, "previous_token");
  EXPECT_NEAR(value_at(found, "detector_score", {previous, 0, 0}), 1.0, kPlanted);
  EXPECT_NEAR(value_at(found, "detector_share", {previous, 0, 0}), 0.8, kPlanted);
  // Row 0 attends to itself, which the mask does not have: 1 - 1 / 5.
  EXPECT_NEAR(value_at(found, "detector_match", {previous, 0, 0}), 0.8, kPlanted);
  EXPECT_EQ(value_at(found, "eligible_queries", {previous}), 4.0);
  for (std::int64_t query = 0; query < 5; ++query) {
    EXPECT_NEAR(value_at(found, "entropy", {0, 0, query}), 0.0, kPlanted);
    EXPECT_NEAR(value_at(found, "mean_distance", {0, 0, query}), query == 0 ? 0.0 : 1.0, kPlanted);
  }
  expect_receipts_hold(found);
}

TEST(UniformHead, HasTheEntropyOfItsKeys) {
  AttentionBench bench(testing::previous_token_model().open(), {1, 2, 3, 4, 5});
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  for (std::int64_t query = 0; query < 5; ++query) {
    const auto keys = static_cast<double>(query + 1);
    EXPECT_NEAR(value_at(found, "entropy", {0, 1, query}), std::log(keys), kPlanted);
    EXPECT_NEAR(value_at(found, "mean_distance", {0, 1, query}), static_cast<double>(query) / 2.0,
                kPlanted);
    EXPECT_NEAR(value_at(found, "first_token_mass", {0, 1, query}), 1.0 / keys, kPlanted);
    if (query == 0) continue;
    EXPECT_NEAR(value_at(found, "normalized_entropy", {0, 1, query}), 1.0, kPlanted);
  }
  EXPECT_TRUE(std::isnan(value_at(found, "normalized_entropy", {0, 1, 0})));
  // Key j is seen by the queries j to 4, with weights 1 / (i + 1).
  EXPECT_NEAR(value_at(found, "received", {0, 1, 4}), 0.2, kPlanted);
  EXPECT_NEAR(value_at(found, "received", {0, 1, 3}), (1.0 / 4 + 1.0 / 5) / 2, kPlanted);
  const std::int64_t previous = detector(found, "previous_token");
  EXPECT_NEAR(value_at(found, "detector_score", {previous, 0, 1}),
              (1.0 / 2 + 1.0 / 3 + 1.0 / 4 + 1.0 / 5) / 4, kPlanted);
  // It writes nothing, so no key has a share of what it writes.
  EXPECT_TRUE(std::isnan(value_at(found, "first_token_weighted_mass", {0, 1, 4})));
  EXPECT_NEAR(value_at(found, "first_token_weighted_mass", {0, 0, 1}), 1.0, kPlanted);
  EXPECT_NEAR(value_at(found, "first_token_weighted_mass", {0, 0, 2}), 0.0, kPlanted);
}

TEST(InductionHead, HasScoreOneAndAShareBelowOneHalf) {
  AttentionBench bench(testing::induction_model().open(), testing::repeated_prompt(10));
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  const std::int64_t induction = detector(found, "induction");
  EXPECT_NEAR(value_at(found, "detector_score", {induction, 1, 0}), 1.0, kPlanted);
  EXPECT_NEAR(value_at(found, "detector_share", {induction, 1, 0}), 10.0 / 21.0, kPlanted);
  EXPECT_EQ(value_at(found, "eligible_queries", {induction}), 10.0);
  EXPECT_EQ(value_at(found, "best_block", {induction}), 1.0);
  EXPECT_EQ(value_at(found, "best_head", {induction}), 0.0);
  EXPECT_NEAR(value_at(found, "best_score", {induction}), 1.0, kPlanted);
  const std::int64_t previous = detector(found, "previous_token");
  EXPECT_NEAR(value_at(found, "detector_score", {previous, 0, 0}), 1.0, kPlanted);
  EXPECT_EQ(value_at(found, "best_block", {previous}), 0.0);
  // In the first half, where nothing repeats, it rests on the start token, which is special and of
  // which it writes nothing.
  EXPECT_NEAR(value_at(found, "first_token_mass", {1, 0, 7}), 1.0, kPlanted);
  EXPECT_NEAR(value_at(found, "special_mass", {1, 0, 7}), 1.0, kPlanted);
  EXPECT_NEAR(value_at(found, "special_mass", {1, 0, 15}), 0.0, kPlanted);
  // The weight 1e-17 of other keys, which do write, is all that is left.
  EXPECT_NEAR(value_at(found, "first_token_weighted_mass", {1, 0, 15}), 0.0, kPlanted);
  expect_receipts_hold(found);
}

TEST(InductionHead, HasNoEligibleQueryInTextWithoutRepetition) {
  AttentionBench bench(testing::induction_model().open(), {0, 1, 2, 3, 4});
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  const std::int64_t induction = detector(found, "induction");
  EXPECT_EQ(value_at(found, "eligible_queries", {induction}), 0.0);
  EXPECT_TRUE(std::isnan(value_at(found, "detector_score", {induction, 1, 0})));
  EXPECT_TRUE(std::isnan(value_at(found, "best_score", {induction})));
  EXPECT_EQ(value_at(found, "best_block", {induction}), -1.0);
  EXPECT_EQ(value_at(found, "best_head", {induction}), -1.0);
}

/// Two tokens, two blocks of one head that attends to all visible positions equally.
AttentionBench two_uniform_blocks() {
  const testing::PlantedModel planted({.n_layers = 2, .vocabulary = {"a", "b"}});
  return {planted.open(), {0, 1}};
}

TEST(Rollout, CountsTheResidualStreamInEachBlock) {
  AttentionBench bench = two_uniform_blocks();
  const Dataset found = bench.tool.analyze(bench.tokens, {.flow = {"rollout", "max_flow"}});
  // Each block passes on [[1, 0], [1/4, 3/4]].
  EXPECT_NEAR(value_at(found, "rollout", {0, 1, 0}), 0.0, kPlanted);
  EXPECT_NEAR(value_at(found, "rollout", {1, 1, 0}), 0.25, kPlanted);
  EXPECT_NEAR(value_at(found, "rollout", {2, 1, 0}), 0.4375, kPlanted);
  EXPECT_NEAR(value_at(found, "rollout", {2, 1, 1}), 0.5625, kPlanted);
  EXPECT_NEAR(value_at(found, "position_rollout", {2, 0}), 0.4375, kPlanted);
  EXPECT_NEAR(value_at(found, "max_flow", {0}), 0.5, kPlanted);
  expect_receipts_hold(found);
}

TEST(Rollout, IsAPowerOfThePatternWithoutTheResidualStream) {
  AttentionBench bench = two_uniform_blocks();
  const Dataset found =
      bench.tool.analyze(bench.tokens, {.flow = {"rollout"}, .residual_weight = 0.0});
  EXPECT_NEAR(value_at(found, "rollout", {2, 1, 0}), 0.75, kPlanted);
}

TEST(Rollout, ArrivesAtTheChosenPosition) {
  AttentionBench bench = two_uniform_blocks();
  const Dataset found =
      bench.tool.analyze(bench.tokens, {.flow = {"rollout", "max_flow"}, .position = 0});
  EXPECT_NEAR(value_at(found, "position_rollout", {2, 0}), 1.0, kPlanted);
  EXPECT_NEAR(value_at(found, "max_flow", {0}), 1.0, kPlanted);
  EXPECT_EQ(value_at(found, "max_flow", {1}), 0.0);
}

}  // namespace
}  // namespace lensbench::attention
