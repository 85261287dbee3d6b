#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "archive/seal/run_tables.hpp"

namespace lensbench {
namespace {

using ::testing::ElementsAre;

const double kNaN = std::numeric_limits<double>::quiet_NaN();

CaseCosts costs_of(double seconds, double peak, std::map<std::string, Cost> tools) {
  CaseCosts costs;
  costs.whole = {seconds, peak, 1};
  costs.tools = std::move(tools);
  costs.session = "2026-01-31T12:00:00Z";
  return costs;
}

ProfileEntry entry(std::int64_t block, const std::string& component, double seconds,
                   std::int64_t peak) {
  return {block, component, 1, seconds, 2 * peak, peak, 10};
}

TEST(CaseCosts, SurviveTheirJson) {
  CaseCosts costs = costs_of(0.5, kNaN, {{"lens", {0.25, 2e9, 3}}});
  costs.profile = {entry(-1, "embed", 0.125, 7)};
  const CaseCosts read = costs_from_json(to_json(costs));
  EXPECT_EQ(read.whole.seconds, 0.5);
  EXPECT_TRUE(std::isnan(read.whole.peak_memory_bytes));
  EXPECT_EQ(read.tools.at("lens").peak_memory_bytes, 2e9);
  EXPECT_EQ(read.tools.at("lens").calls, 3);
  EXPECT_EQ(read.profile.at(0).component, "embed");
  EXPECT_EQ(read.profile.at(0).allocated_bytes, 14);
  EXPECT_EQ(read.session, costs.session);
}

TEST(RunCosts, HoldEveryCaseAndTool) {
  RunCosts costs;
  costs.add(0, costs_of(1.0, 100, {{"a", {0.5, 90, 1}}}));
  costs.add(2, costs_of(2.0, kNaN, {{"a", {0.75, kNaN, 2}}, {"b", {1.0, kNaN, 1}}}));
  const Dataset table = costs.table();
  EXPECT_THAT(table["tool"].strings, ElementsAre("a", "b"));
  EXPECT_EQ(table["case"].tensor[1].item<int>(), 2);
  EXPECT_EQ(table["case_seconds"].tensor[1].item<double>(), 2.0);
  EXPECT_EQ(table["case_seconds"].units, "s");
  EXPECT_TRUE(std::isnan(table["case_peak_memory"].tensor[1].item<double>()));
  EXPECT_EQ(table["tool_calls"].tensor[0][1].item<int>(), 0);
  EXPECT_EQ(table["tool_seconds"].tensor[1][0].item<double>(), 0.75);
  EXPECT_FALSE(table.contains("profile_seconds"));
}

TEST(RunCosts, AddUpTheProfileOverCasesAndKeepItsLargestPeak) {
  RunCosts costs;
  for (const std::int64_t peak : {100, 300, 200}) {
    CaseCosts one = costs_of(1.0, 100, {});
    one.profile = {entry(-1, "embed", 0.25, peak), entry(0, "mlp", 0.5, peak)};
    costs.add(peak, one);
  }
  const Dataset table = costs.table();
  EXPECT_THAT(table["component"].strings, ElementsAre("embed", "mlp"));
  EXPECT_EQ(table["profile_seconds"].tensor[1][1].item<double>(), 1.5);
  EXPECT_EQ(table["profile_peak_bytes"].tensor[0][0].item<std::int64_t>(), 300);
  EXPECT_EQ(table["profile_allocated_bytes"].tensor[0][0].item<std::int64_t>(), 1200);
  EXPECT_EQ(table["profile_calls"].tensor[0][1].item<std::int64_t>(), 0);  // no mlp outside blocks
}

}  // namespace
}  // namespace lensbench
