#include "token_analyzer/flags.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <vector>

namespace lensbench::token_analysis {
namespace {

TEST(Median, IsTheMiddleValueOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median({3.0}), 3.0);
  EXPECT_EQ(median({5.0, 1.0, 3.0}), 3.0);
  EXPECT_EQ(median({5.0, 1.0, 3.0, 2.0}), 2.5);
}

TEST(EntropyScores, MeasureInMedianAbsoluteDeviations) {
  // Median 3, deviations 2 1 0 1 2, MAD 1: (9 - 3) / 1.4826.
  const std::vector<double> entropies = {1, 2, 3, 4, 5, 9};
  EXPECT_DOUBLE_EQ(entropy_scores(entropies, 5)[5], 6 / 1.4826);
}

TEST(EntropyScores, LookOnlyAtWhatCameBefore) {
  const std::vector<double> calm = {1, 2, 3, 4, 5, 3, 3};
  const std::vector<double> wild = {1, 2, 3, 4, 5, 3, 90};
  EXPECT_EQ(entropy_scores(calm, 2)[5], entropy_scores(wild, 2)[5]);
}

TEST(EntropyScores, AreAbsentUntilThereIsEnoughHistory) {
  const auto scores = entropy_scores(std::vector<double>{1, 2, 3, 4}, 3);
  EXPECT_TRUE(std::isnan(scores[2]));
  EXPECT_FALSE(std::isnan(scores[3]));
  EXPECT_TRUE(entropy_scores({}, 3).empty());
}

TEST(EntropyScores, ARippleInASureTextIsNoJump) {
  // All deviations are 0, so the floor of 0.1 nats is the unit.
  const std::vector<double> entropies = {0, 0, 0, 0, 0.2};
  EXPECT_DOUBLE_EQ(entropy_scores(entropies, 4)[4], 2.0);
}

TEST(EntropyScores, AFallIsNegative) {
  const std::vector<double> entropies = {1, 2, 3, 4, 5, 0};
  EXPECT_LT(entropy_scores(entropies, 5)[5], 0.0);
}

TEST(CheckRule, RefusesRulesThatFlagNothingOrEverything) {
  EXPECT_NO_THROW(check_rule(JumpRule{}));
  EXPECT_THROW(check_rule(JumpRule{.threshold = 0}), UsageError);
  EXPECT_THROW(check_rule(JumpRule{.threshold = INFINITY}), UsageError);
  EXPECT_THROW(check_rule(JumpRule{.history = 1}), UsageError);
}

}  // namespace
}  // namespace lensbench::token_analysis
