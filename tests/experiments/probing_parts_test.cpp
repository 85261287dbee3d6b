#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/group_folds.hpp"
#include "probing/causal.hpp"

// Halves of the cases and the numbers of causes, by hand.

namespace lensbench {
namespace {

using probing_experiment::causal_numbers;
using probing_experiment::MeasuredCase;

constexpr double kNoMetric = std::numeric_limits<double>::quiet_NaN();

TEST(FoldsOfGroups, KeepGroupsTogetherAndLabelsEven) {
  // Without groups that mix labels: two groups of each label, dealt in turn.
  EXPECT_EQ(common::folds_of({0, 1, 0, 1}, {"a", "b", "c", "d"}, 2),
            (std::vector<std::int64_t>{0, 0, 1, 1}));
  EXPECT_EQ(common::folds_of({0, 1, 0, 1, 0, 1}, {"a", "a", "b", "b", "c", "c"}, 2),
            (std::vector<std::int64_t>{0, 0, 1, 1, 0, 0}));
}

/// Two cases of each label, of which the last is read wrongly.
std::vector<MeasuredCase> four_cases() {
  return {{false, true, 1.0, 3.0, 1.0, {0.5}, {0.1}},
          {false, true, 2.0, 1.0, 3.0, {-0.5}, {0.3}},
          {true, true, 6.0, -2.0, -1.0, {0.4}, {0.0}},
          {true, false, 7.0, -4.0, -1.0, {-0.8}, {-0.2}}};
}

// The labels have the means 1.5 and 6.5. Moved to the other label, the first gains 2 on average and
// the second loses 3. Without the direction, the first has 3.5 and the second 5.5.
TEST(CausalNumbers, CompareTheMovedMetricWithTheDifferenceOfTheLabels) {
  const auto found = causal_numbers(four_cases(), {0, 1, 2, 3}, 0.1);
  EXPECT_DOUBLE_EQ(found.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(found.label_effect, 5.0);
  EXPECT_DOUBLE_EQ(found.moved_effect, 2.5);
  EXPECT_DOUBLE_EQ(found.recovered, 0.5);
  EXPECT_DOUBLE_EQ(found.removed_share, 1 - 2.0 / 5.0);
  // By the random direction the first gain 0 and the second -0.2; the gap closes by 0.3.
  EXPECT_DOUBLE_EQ(found.random_recovered.at(0), (0.0 + 0.2) / 2 / 5);
  EXPECT_DOUBLE_EQ(found.random_removed_share.at(0), (0.2 + 0.1) / 5);
}

TEST(CausalNumbers, CountCasesAsOftenAsTheyAreDrawn) {
  const auto found = causal_numbers(four_cases(), {0, 0, 1, 3}, 0.1);
  EXPECT_DOUBLE_EQ(found.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(found.label_effect, 7.0 - 4.0 / 3.0);
}

TEST(CausalNumbers, AreNotDividedByASmallDifference) {
  const auto found = causal_numbers(four_cases(), {0, 1, 2, 3}, 5.1);
  EXPECT_TRUE(std::isnan(found.recovered));
  EXPECT_TRUE(std::isnan(found.removed_share));
  EXPECT_DOUBLE_EQ(found.moved_effect, 2.5);
}

TEST(CausalNumbers, LeaveOutCasesThatWereNotSteered) {
  auto cases = four_cases();
  cases.push_back({true, false, kNoMetric, kNoMetric, kNoMetric, {kNoMetric}, {kNoMetric}});
  const auto found = causal_numbers(cases, {0, 1, 2, 3, 4}, 0.1);
  EXPECT_DOUBLE_EQ(found.accuracy, 0.6);
  EXPECT_DOUBLE_EQ(found.recovered, 0.5);
}

TEST(CausalNumbers, NeedBothLabels) {
  const auto found = causal_numbers(four_cases(), {0, 1}, 0.1);
  EXPECT_TRUE(std::isnan(found.label_effect));
  EXPECT_TRUE(std::isnan(found.recovered));
}

}  // namespace
}  // namespace lensbench
