#include "grading/scores/paired.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lensbench::grading {
namespace {

/// What an entry claims on one prompt of each of some tasks.
struct Claimed {
  std::size_t task;
  double value;
};

/// Estimates of claims about a number whose truth is 0, or 1 of attention.
Entry entry_of(TableKind kind, std::initializer_list<Claimed> claims,
               const std::vector<Draw>& draws) {
  Entry entry;
  entry.kind = kind;
  for (const Claimed& claim : claims) {
    ItemTable table;
    table.kind = kind;
    table.items = {"0"};
    table.membership = {Membership::member};
    table.truth = {{kind == TableKind::attention ? 1.0 : 0.0}};
    table.claimed = {{claim.value}};
    entry.tasks.push_back({claim.task, table, std::nullopt});
  }
  estimate(entry, draws, {0, 0, 0}, {false, false, false, false, false}, 1);
  return entry;
}

/// Two tasks of one model, which every draw has.
std::vector<Draw> draws_of_one_model() {
  return hierarchical_draws({{"kind", "model", 1}, {"kind", "model", 1}}, 20, 1);
}

// The first one is best by its mean of 0.25; the second one has the second task alone, where it is
// 0.1 further away; the third one is 0.1 and 0.2 further away.
TEST(PairedComparison, IsOfTasksThatBothHave) {
  const auto draws = draws_of_one_model();
  constexpr auto kKind = TableKind::probability;
  std::vector<Entry> entries = {entry_of(kKind, {{0, 0.0}, {1, 0.5}}, draws),
                                entry_of(kKind, {{1, 0.6}}, draws),
                                entry_of(kKind, {{0, 0.1}, {1, 0.7}}, draws)};
  compare_with_best(entries);
  EXPECT_TRUE(std::isnan(entries[0].estimates.front().worse));
  EXPECT_NEAR(entries[1].estimates.front().worse, 0.1, 1e-12);
  EXPECT_NEAR(entries[2].estimates.front().worse, 0.15, 1e-12);
  EXPECT_NEAR(entries[2].estimates.front().worse_low, 0.15, 1e-12);
  EXPECT_NEAR(entries[2].estimates.front().worse_high, 0.15, 1e-12);
}

TEST(PairedComparison, CountsALargerScoreAsBetterWhereItIs) {
  const auto draws = draws_of_one_model();
  std::vector<Entry> entries = {entry_of(TableKind::attention, {{0, 0.5}}, draws),
                                entry_of(TableKind::attention, {{0, 0.9}}, draws)};
  compare_with_best(entries);
  EXPECT_NEAR(entries[0].estimates.front().worse, 0.4, 1e-12);
  EXPECT_TRUE(std::isnan(entries[1].estimates.front().worse));
}

// Models with replacement: a draw has the first one twice, the second one twice, or both. The
// differences are then 0.1, 0.2 or 0.15.
TEST(PairedComparison, HasAnIntervalOverTheDrawsThatBothSaw) {
  const auto draws = hierarchical_draws({{"kind", "a", 1}, {"kind", "b", 1}}, 400, 1);
  constexpr auto kKind = TableKind::probability;
  std::vector<Entry> entries = {entry_of(kKind, {{0, 0.0}, {1, 0.5}}, draws),
                                entry_of(kKind, {{0, 0.1}, {1, 0.7}}, draws)};
  compare_with_best(entries);
  EXPECT_NEAR(entries[1].estimates.front().worse_low, 0.1, 1e-12);
  EXPECT_NEAR(entries[1].estimates.front().worse_high, 0.2, 1e-12);
}

// Numbers of two distributions have no common scale; membership is one question, whatever is
// claimed.
TEST(PairedComparison, IsMadeBetweenClaimsAboutMembershipAlone) {
  const auto draws = draws_of_one_model();
  for (const TableKind kind : {TableKind::distribution, TableKind::effects}) {
    std::vector<Entry> entries(2);
    for (std::size_t i = 0; i < 2; ++i) {
      entries[i] = entry_of(TableKind::probability, {{0, 0.1 * static_cast<double>(i)}}, draws);
      entries[i].kind = kind;
      entries[i].claim = i == 0 ? "one claim" : "another claim";
    }
    compare_with_best(entries);
    EXPECT_EQ(std::isnan(entries[1].estimates.front().worse), kind == TableKind::distribution);
  }
}

TEST(PairedComparison, IsNotMadeBetweenQuestions) {
  const auto draws = draws_of_one_model();
  std::vector<Entry> entries = {entry_of(TableKind::attention, {{0, 0.5}}, draws),
                                entry_of(TableKind::probability, {{0, 0.1}}, draws)};
  compare_with_best(entries);
  for (const Entry& entry : entries) {
    EXPECT_TRUE(std::isnan(entry.estimates.front().worse));
    EXPECT_TRUE(entry.headline.empty());
  }
}

}  // namespace
}  // namespace lensbench::grading
