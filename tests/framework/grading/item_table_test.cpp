#include "grading/scores/item_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <limits>

#include "framework/grading/named_metric.hpp"
#include "grading/output/floors.hpp"
#include "grading/output/worst_items.hpp"
#include "grading/scores/entry.hpp"
#include "grading/scores/metric_names.hpp"

namespace lensbench::grading {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Three members, one of which suppresses the answer, one ignored item and four idle ones; the gap
/// is 8. The second prompt has half of the effects of the first.
ItemTable effects() {
  ItemTable table;
  table.items = {"L0H0",      "L0H1",      "L1H0",       "L1H1",
                 "0_mlp_out", "1_mlp_out", "0_attn_out", "1_attn_out"};
  const std::vector<double> first = {8, 0, -4, 0, 0, 4, 0.1, 0};
  table.membership.assign(8, Membership::none);
  for (const std::size_t member : {0, 2, 5}) table.membership[member] = Membership::member;
  table.membership[3] = Membership::ignored;
  for (const double value : first) table.truth.push_back({value, value / 2});
  table.claimed = table.total = table.truth;
  table.gap = 8;
  return table;
}

TEST(EffectMetrics, OfTheTruthAreExact) {
  const ItemTable table = effects();
  for (const char* name : {"auroc", "ap", "r", "r_total", "sign", "coverage"})
    EXPECT_NEAR(metric(table, name), 1, 1e-12) << name;
  EXPECT_EQ(metric(table, "error"), 0);
  EXPECT_EQ(metric(table, "largest"), 0);
  EXPECT_TRUE(std::isnan(metric(table, "r_direct")));  // not known
}

TEST(EffectMetrics, OfATurnedSignKeepTheRankingAndLoseTheSign) {
  ItemTable table = effects();
  for (auto& row : table.claimed)
    for (double& value : row) value = -value;
  EXPECT_EQ(metric(table, "auroc"), 1);
  EXPECT_EQ(metric(table, "sign"), 0);
  EXPECT_NEAR(metric(table, "r"), -1, 1e-12);
  EXPECT_EQ(metric(table, "error"), 2);  // |-t - t| = 2 |t|
  EXPECT_EQ(metric(table, "largest"), 16);
}

TEST(EffectMetrics, OfAnotherScaleLoseOnlyTheError) {
  // What a forgotten norm does: every contribution by one factor.
  ItemTable table = effects();
  for (auto& row : table.claimed)
    for (double& value : row) value *= 3;
  EXPECT_EQ(metric(table, "auroc"), 1);
  EXPECT_NEAR(metric(table, "r"), 1, 1e-12);
  EXPECT_EQ(metric(table, "error"), 2);
  table.has_unit = false;
  const auto names = metric_names(table.kind, table.has_unit);
  EXPECT_EQ(std::find(names.begin(), names.end(), "error"), names.end());
}

TEST(EffectMetrics, OfTheLayerBeforeLoseTheMembers) {
  // Claims of block 0 are given for block 1 and the reverse: L0H0 (8) for L1H0, 1_mlp_out (4) for
  // 0_mlp_out. Scores of the members L0H0, L1H0, 1_mlp_out are then 4, 8, 0, those of the others
  // L0H1 0, 0_mlp_out 4, 0_attn_out 0, 1_attn_out 0.1 (times 3/4).
  ItemTable table = effects();
  std::swap(table.claimed[0], table.claimed[2]);
  std::swap(table.claimed[1], table.claimed[3]);
  std::swap(table.claimed[4], table.claimed[5]);
  std::swap(table.claimed[6], table.claimed[7]);
  // Pairs of 12: 8 wins 4; 4 ties one and wins 3; 0 ties two of four and loses two.
  EXPECT_NEAR(metric(table, "auroc"), (4 + 3.5 + 1) / 12, 1e-12);
  // L0H0 is claimed to be -4, L1H0 8, where 8 and -4 are true; 1_mlp_out is 0.
  EXPECT_EQ(metric(table, "sign"), 0);
}

TEST(EffectMetrics, CountWhatWasNotAnsweredAsZeroAndSaySo) {
  ItemTable table = effects();
  table.claimed[0] = {kNaN, kNaN};
  // Sum of |t| is 16.1 on the first prompt and half of it on the second; 8 and 4 are missing.
  EXPECT_NEAR(metric(table, "coverage"), 8.1 / 16.1, 1e-12);
  EXPECT_NEAR(metric(table, "error"), 8 / 16.1, 1e-12);
  // The member without an answer loses to all four others.
  EXPECT_NEAR(metric(table, "auroc"), 8.0 / 12, 1e-12);
}

TEST(EffectMetrics, OfADrawAreThoseOfItsPrompts) {
  ItemTable table = effects();
  table.claimed[0][1] = 8;  // 4 is true
  // Twice the second prompt: |8 - 4| of a sum of 8.05.
  const auto names = metric_names(table.kind, table.has_unit);
  const auto place = std::find(names.begin(), names.end(), "error") - names.begin();
  EXPECT_NEAR(metrics_of(table, {1, 1})[static_cast<std::size_t>(place)], 4 / 8.05, 1e-12);
  EXPECT_EQ(metrics_of(table, {0, 0})[static_cast<std::size_t>(place)], 0);
}

/// Two of five edges, of which one suppresses the answer; the truth is a mean over two prompts.
ItemTable edges() {
  ItemTable table;
  table.kind = TableKind::edges;
  table.gap = 8;
  table.items = {"embed>L0H0.q", "embed>L0H0.k", "embed>L0H0.v", "L0H0>logits.in",
                 "embed>logits.in"};
  for (const double value : {0.0, 0.0, 8.0, -4.0, 0.0}) {
    table.truth.push_back({value, value});
    // The mean of what is claimed is the truth.
    table.claimed.push_back({value + 1, value - 1});
    table.membership.push_back(value == 0 ? Membership::none : Membership::member);
  }
  return table;
}

TEST(EdgeMetrics, CompareMeansOverPrompts) {
  const ItemTable table = edges();
  for (const char* name : {"auroc", "ap", "r", "sign", "coverage"})
    EXPECT_DOUBLE_EQ(metric(table, name), 1) << name;
  EXPECT_DOUBLE_EQ(metric(table, "error"), 0);
}

// By hand: the suppressing edge, 4 of 12, is not answered. The other member is before the three
// edges that are none, and this one after them: 3 of 6 pairs.
TEST(EdgeMetrics, CountWhatWasNotAnsweredAsZeroAndLast) {
  ItemTable table = edges();
  table.claimed[3] = {kNaN, kNaN};
  EXPECT_DOUBLE_EQ(metric(table, "error"), 4.0 / 12);
  EXPECT_DOUBLE_EQ(metric(table, "coverage"), 8.0 / 12);
  EXPECT_DOUBLE_EQ(metric(table, "sign"), 0.5);
  EXPECT_DOUBLE_EQ(metric(table, "auroc"), 3.0 / 6);
}

TEST(EdgeMetrics, OfAnotherScaleHaveNoError) {
  ItemTable table = edges();
  table.has_unit = false;
  const auto names = metric_names(table.kind, table.has_unit);
  EXPECT_EQ(std::count(names.begin(), names.end(), "error"), 0);
  EXPECT_EQ(metrics_of(table).size(), names.size());
}

TEST(StreamMetrics, CountTheTrueMassInTheBestCells) {
  ItemTable table;
  table.kind = TableKind::stream;
  table.gap = 10;
  table.items = {"0,0", "0,1", "1,0", "1,1"};
  table.truth = {{6}, {4}, {0}, {0.5}};
  table.claimed = {{5}, {0}, {0}, {7}};
  // Two cells are true (at least 1); the best two claimed ones have 6 and 0.5 of 10.5.
  EXPECT_NEAR(metric(table, "mass"), 6.5 / 10.5, 1e-12);
  EXPECT_EQ(metric(table, "distance"), 1);  // the best cell is in layer 1, the true ones in 0
}

TEST(LayerMetrics, CompareWithThePlantedLayerToo) {
  ItemTable table;
  table.kind = TableKind::layer;
  table.items = {"prompt"};
  table.truth = {{1, 4, 4}};
  table.claimed = {{2, 4, kNaN}};
  table.answer_layer = 4;
  EXPECT_EQ(metric(table, "layer_error"), 0.5);
  EXPECT_EQ(metric(table, "after_answer_layer"), -1);
  EXPECT_EQ(metric(table, "early"), 0.5);
  EXPECT_NEAR(metric(table, "coverage"), 2.0 / 3, 1e-12);
}

TEST(RankMetrics, TakeAnyOrderOfTokensThatAreTiedInFloat32) {
  ItemTable table;
  table.kind = TableKind::rank;
  table.items = {"0", "1"};
  table.truth = {{2, 1}, {1, 1}};
  table.claimed = {{3, 1}, {2, 1}};
  EXPECT_EQ(metric(table, "wrong"), 0.5);
  table.rank_ties = {{1, 0}, {0, 0}};
  EXPECT_EQ(metric(table, "wrong"), 0.25);
  table.claimed[0][0] = 4;  // further away than the one tied token explains
  EXPECT_EQ(metric(table, "wrong"), 0.5);
}

TEST(AttentionMetrics, KeepHeadsWithoutEffectApart) {
  ItemTable table;
  table.kind = TableKind::attention;
  table.items = {"L0H0", "L0H1"};
  table.membership = {Membership::member, Membership::none};
  table.truth = {{1, 1}, {1, 1}};
  table.claimed = {{0.5, 1}, {0.25, 0.25}};
  EXPECT_EQ(metric(table, "mass"), 0.75);
  EXPECT_EQ(metric(table, "idle_mass"), 0.25);
  EXPECT_EQ(metric(table, "largest"), 0.75);
}

Entry entry_of(const ItemTable& table, const Table& shuffled) {
  Entry entry;
  entry.tool = "tool";
  entry.claim = "effect.dla";
  entry.tasks.push_back({0, table, shuffled});
  return entry;
}

Estimate auroc_of(Entry entry) {
  const auto draws = hierarchical_draws({{"kind", "model", 2}}, 100, 1);
  estimate(entry, draws, {100, 1000, 200}, {}, 1);
  return *find_estimate(entry, "auroc");
}

TEST(Controls, PutRandomScoresInTheRandomBand) {
  ItemTable table = effects();
  Philox random(9);
  for (auto& row : table.claimed) row.assign(2, random.normal());
  const Estimate estimate = auroc_of(entry_of(table, table.claimed));
  EXPECT_GE(estimate.value, estimate.random_low);
  EXPECT_LE(estimate.value, estimate.random_high);
  // 1000 draws of 12 pairs: the median is within 0.05 of 1/2.
  EXPECT_NEAR(estimate.random, 0.5, 0.05);
}

TEST(Controls, SayThatAToolIsNoBetterThanTheArchitecture) {
  const ItemTable table = effects();
  const Estimate same = auroc_of(entry_of(table, table.claimed));
  EXPECT_EQ(same.difference, 0);
  EXPECT_TRUE(same.like_shuffled());
  // All components alike on the shuffled model.
  const Estimate better = auroc_of(entry_of(table, Table(8, {1.0, 1.0})));
  EXPECT_EQ(better.shuffled, 0.5);
  EXPECT_FALSE(better.like_shuffled());
  EXPECT_EQ(better.lift(), 1);
}

TEST(Controls, PermuteMembersWithinKinds) {
  // Both members among the MLPs: whatever the permutation, a tool that names all MLPs is right.
  ItemTable table = effects();
  table.items = {"0_mlp_out", "1_mlp_out", "L0H0", "L0H1"};
  table.membership = {Membership::member, Membership::member, Membership::none, Membership::none};
  table.truth = table.claimed = table.total = {{1, 1}, {2, 2}, {0, 0}, {0, 0}};
  EXPECT_EQ(auroc_of(entry_of(table, table.claimed)).permuted, 1);
  // One of two heads: right or wrong with equal chance.
  table.membership = {Membership::none, Membership::none, Membership::member, Membership::none};
  table.truth = table.claimed = table.total = {{0, 0}, {0, 0}, {3, 3}, {0, 0}};
  // The member has 3, or ties at 0 with the two MLPs and loses to the other head: (1 + 1/3) / 2.
  // The standard error of 200 permutations is 0.024.
  EXPECT_NEAR(auroc_of(entry_of(table, table.claimed)).permuted, 2.0 / 3, 0.1);
}

TEST(WorstItems, AreTheMostMisplaced) {
  ItemTable table = effects();
  table.claimed[0] = {0, 0};  // the largest effect is not seen
  const auto items = worst_items(entry_of(table, table.claimed), 3);
  ASSERT_FALSE(items.empty());
  EXPECT_EQ(items[0].item, "L0H0");
  EXPECT_EQ(items[0].true_rank, 1);
  EXPECT_GT(items[0].claimed_rank, 4);
  EXPECT_TRUE(worst_items(entry_of(effects(), effects().claimed), 3).empty());
}

TEST(Floors, AreMissedByNumbersOnTheWrongSide) {
  Grades grades;
  grades.entries.push_back(entry_of(effects(), effects().claimed));
  estimate(grades.entries[0], {}, {0, 0, 0}, {false, false, false}, 0);
  const auto missed = [&](const char* text) {
    return missed_floors(grades, {parse_floor(text)}).size();
  };
  EXPECT_EQ(missed("effect.dla:auroc=1"), 0u);
  EXPECT_EQ(missed("effect.dla:error=0.01"), 0u);
  EXPECT_EQ(missed("effect.dla:error=-0.01"), 1u);
  EXPECT_EQ(missed("effect.dla:auroc=1.01"), 1u);
  EXPECT_EQ(missed("effect.zero:auroc=0"), 1u);    // no tool has the claim
  EXPECT_EQ(missed("effect.dla:r_direct=0"), 1u);  // not defined
  for (const char* text : {"effect.dla", "effect.dla:auroc", "effect.dla:auroc=", "x:auroc=1",
                           "effect.dla:area=1", "effect.dla:auroc=1x"})
    EXPECT_THROW(parse_floor(text), UsageError) << text;
}

}  // namespace
}  // namespace lensbench::grading
