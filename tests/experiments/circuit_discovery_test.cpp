#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/edge_circuits.hpp"
#include "experiments/experiment_run.hpp"
#include "support/planted_attention.hpp"
#include "support/results.hpp"
#include "support/temp_dir.hpp"

// A planted induction model, whose three edges are known.

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::run_experiment;
using testing::value_at;

constexpr double kLogit = 2.0, kPlanted = 1e-5;

/// Pairs of which the first says which token preceded the answer, and the second another one.
std::vector<CaseInput> pairs(std::size_t count) {
  const std::vector<CaseInput> all = {
      {"a", {}, {0, 1, 2, 3, 1}, {{"corrupted_ids", "0,4,2,3,1"}, {"target", "2"}}},
      {"b", {}, {0, 3, 6, 2, 3}, {{"corrupted_ids", "0,4,6,2,3"}, {"target", "6"}}},
      {"c", {}, {0, 2, 7, 1, 2}, {{"corrupted_ids", "0,4,7,1,2"}, {"target", "7"}}},
      {"d", {}, {0, 6, 8, 3, 1, 6}, {{"corrupted_ids", "0,4,8,3,1,6"}, {"target", "8"}}}};
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)};
}

class CircuitDiscovery : public ::testing::Test {
 protected:
  CircuitDiscovery() { testing::induction_model(10, 21, kLogit).write(folder_ / "model"); }
  testing::ExperimentRun run(const std::vector<CaseInput>& cases, const char* shares) {
    return run_experiment("circuit_discovery", folder_ / "model", cases,
                          {{"method", "exact"}, {"versus", "9"}, {"proportions", shares}});
  }
  testing::TempDir folder_;
};

// floor(0.066 * 46) = 3 edges, of 46.
TEST_F(CircuitDiscovery, MeasuresTheThreeEdgesOnPromptsThatDidNotChooseThem) {
  const auto result = run(pairs(4), "0.066,1");
  ASSERT_EQ(result.report.failures.size(), 0u) << result.report.failures.front().message;
  for (const std::int64_t number : {0, 1, 2, 3})
    EXPECT_EQ(result.sink.names(number),
              std::vector<std::string>{number % 2 == 0 ? "edges" : "circuits"});
  const Dataset& table = result.report.summaries.at("circuit");
  std::vector<std::string> found;
  for (std::int64_t edge = 0; edge < table.dim("edge"); ++edge) {
    const double importance = value_at(table, "importance", {edge});
    if (importance < kLogit / 2) {
      EXPECT_NEAR(importance, 0.0, kPlanted);
      continue;
    }
    EXPECT_NEAR(importance, kLogit, kLogit * kPlanted);
    const auto i = static_cast<std::size_t>(edge);
    found.push_back(table["source"].strings[i] + " " + table["target"].strings[i] + " " +
                    table["slot"].strings[i]);
  }
  EXPECT_THAT(found,
              ::testing::UnorderedElementsAre("embed L0H0 v", "L0H0 L1H0 k", "L1H0 logits in"));
  EXPECT_TRUE(
      at::allclose(table["faithfulness"].tensor, at::ones({2, 2}, at::kDouble), 0, kPlanted));
  EXPECT_NEAR(value_at(table, "cpr"), 1 - 0.066, kPlanted);
  EXPECT_NEAR(value_at(table, "cmd"), 0.0, kPlanted);
  EXPECT_EQ(value_at(table, "edges_kept", {0}), 3);
  EXPECT_EQ(value_at(table, "edge_stability", {0}), 1.0);
  // Three random edges of 46 are the path with a probability below 1e-4.
  EXPECT_LT(table["random_faithfulness"].tensor[0].abs().max().item<double>(), 0.5);
  EXPECT_TRUE(at::allclose(table["random_faithfulness"].tensor[1], at::ones({10}, at::kDouble), 0,
                           kPlanted));
  for (const std::int64_t number : {1, 3})
    for (const Receipt& receipt : result.sink.read(number, "circuits").receipts)
      EXPECT_TRUE(receipt.passed) << receipt.name;
}

TEST_F(CircuitDiscovery, NeedsTwoPairs) {
  EXPECT_THAT([&] { run(pairs(1), "1"); },
              ::testing::ThrowsMessage<std::exception>(HasSubstr("give at least two")));
}

// By hand: of samples of the two cases, a quarter is (a, a) and a quarter (b, b). The best edge of
// the mean is that of a, and of (b, b) another one: 3 of 4 samples agree.
TEST(EdgeStability, IsTheMeanOverlapWithTheBestEdgesOfSamples) {
  const at::Tensor importance = at::tensor({3.0, 0.0, 0.0, 2.0}, at::kDouble).view({2, 2});
  const auto found = common::stability_of(importance, {0.5, 1.0}, 4000, 1);
  EXPECT_NEAR(found[0], 0.75, 4 * std::sqrt(0.75 * 0.25 / 4000));
  EXPECT_EQ(found[1], 1.0);
  EXPECT_TRUE(std::isnan(common::stability_of(importance, {0.1}, 100, 1)[0]));
}

}  // namespace
}  // namespace lensbench
