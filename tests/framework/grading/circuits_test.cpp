// Circuits of edges: runs in which only some edges carry what the run itself computes.
#include "grading/exact/circuits.hpp"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "framework/grading/named_metric.hpp"
#include "framework/grading/planted.hpp"
#include "grading/exact/measure_edges.hpp"
#include "grading/run/edge_circuits.hpp"
#include "grading/run/truth_tables.hpp"
#include "grading/scores/entry.hpp"
#include "grading/truth/truth_file.hpp"
#include "support/folders.hpp"
#include "support/tensors.hpp"

namespace lensbench::grading {
namespace {

/// A task of a planted model with all of its edges.
class Circuits : public ::testing::TestWithParam<std::string> {
 protected:
  Circuits() {
    for (const EdgeEffect& edge : edges_) all_.insert(edge.edge);
  }

  const testing::Planted planted_{GetParam(), Gauge::rotated};
  const ExactModel model_ = planted_.exact();
  const Task& planted_task_ = planted_.truth.tasks[0];
  const ExactTask task_ = run_task(model_, planted_task_.prompts, "task");
  const std::vector<EdgeEffect> edges_ = measure_edges(task_);
  std::set<Edge> all_;
};

TEST_P(Circuits, OfAllEdgesAreTheCleanRun) {
  EXPECT_LT(testing::largest_difference(circuit_metric(task_, all_), task_.clean_metric), 1e-9);
}

TEST_P(Circuits, OfNoEdgeAreTheCorruptedRun) {
  EXPECT_LT(testing::largest_difference(circuit_metric(task_, {}), task_.corrupted_metric), 1e-9);
}

// The effect of an edge is defined by exchanging it alone.
TEST_P(Circuits, WithoutOneEdgeLoseItsEffect) {
  for (std::size_t i = 0; i < edges_.size(); i += 7) {
    std::set<Edge> kept = all_;
    kept.erase(edges_[i].edge);
    const double lost = (task_.clean_metric - circuit_metric(task_, kept)).mean().item<double>();
    EXPECT_NEAR(lost, edges_[i].mean, 1e-9)
        << edges_[i].edge.source << " " << edges_[i].edge.target;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Circuits, ::testing::Values("hist", "induction_llama"),
                         [](const auto& kind) { return kind.param; });

/// A table of four edges whose circuits keep given shares of a gap of 2, from -1 to 1.
ItemTable table_of(const std::vector<double>& by_size, const std::vector<double>& by_value) {
  ItemTable table;
  table.kind = TableKind::edges;
  table.has_unit = false;
  table.items.assign(4 + kCircuits, "an item");
  table.membership.assign(4 + kCircuits, Membership::ignored);
  table.membership[0] = Membership::member;
  table.membership[1] = Membership::none;
  table.sums.assign(4, false);
  table.sums.resize(4 + kCircuits, true);
  table.claimed = table.truth = {{1.0}, {0.0}, {0.0}, {0.5}};
  for (const auto* shares : {&by_size, &by_value})
    for (const double share : *shares) {
      table.claimed.push_back({2 * share - 1});
      table.truth.push_back({1.0});
    }
  table.corrupted = {-1.0};
  return table;
}

// Sizes go from .001 to 1, so that the whole metric at every size has the area .999.
TEST(CircuitMetrics, OfCircuitsThatKeepEverything) {
  const std::vector<double> all(10, 1.0);
  const ItemTable table = table_of(all, all);
  EXPECT_NEAR(metric(table, "cpr"), 0.999, 1e-12);
  EXPECT_NEAR(metric(table, "cpr_by_value"), 0.999, 1e-12);
  EXPECT_NEAR(metric(table, "cmd"), 0, 1e-12);
  EXPECT_NEAR(metric(table, "cmd_log"), 0, 1e-12);
}

// Nothing up to a half of the edges, then a straight line: half of .5 is kept, .499 and half of .5
// are missing. On the other axis ln 500 and half of ln 2, of ln 1000.
TEST(CircuitMetrics, OfCircuitsThatKeepNothingBeforeTheLast) {
  std::vector<double> last(10, 0.0), all(10, 1.0);
  last.back() = 1;
  const ItemTable table = table_of(last, all);
  EXPECT_NEAR(metric(table, "cpr"), 0.25, 1e-12);
  EXPECT_NEAR(metric(table, "cpr_by_value"), 0.999, 1e-12);
  EXPECT_NEAR(metric(table, "cmd"), 0.749, 1e-12);
  EXPECT_NEAR(metric(table, "cmd_log"), (std::log(500.0) + 0.5 * std::log(2.0)) / std::log(1000.0),
              1e-12);
}

// Twice the metric is as far away as nothing of it.
TEST(CircuitMetrics, OfCircuitsThatOvershoot) {
  const std::vector<double> twice(10, 2.0);
  const ItemTable table = table_of(twice, twice);
  EXPECT_NEAR(metric(table, "cpr"), 2 * 0.999, 1e-12);
  EXPECT_NEAR(metric(table, "cmd"), 0.999, 1e-12);
}

TEST(CircuitMetrics, DoNotChangeTheScoresOfEdges) {
  const std::vector<double> all(10, 1.0);
  const ItemTable table = table_of(all, all);
  EXPECT_EQ(metric(table, "auroc"), 1);
  EXPECT_NEAR(metric(table, "r"), 1, 1e-12);
  EXPECT_EQ(metric(table, "coverage"), 1);
}

/// Scores of all edges of `hist`, and what their circuits keep.
class RankedEdges : public ::testing::Test {
 protected:
  RankedEdges() {
    for (Task& task : planted_.truth.tasks) task.edges.emplace();
    planted_.truth.tasks[0].edges->total = edges_;
    table_ = truth_table(planted_.truth, planted_.truth.tasks[0], find_claim("edge.noise"), false)
                 .value();
    set_claimed(table_, std::vector<ItemValues>(planted_.truth.tasks[0].prompts.size()), {});
  }
  double scored(const char* name, const std::function<double(double)>& claim) {
    for (std::size_t i = 0; i + kCircuitRows < table_.items.size(); ++i)
      for (std::size_t p = 0; p < table_.prompts(); ++p)
        table_.claimed[i][p] = claim(table_.truth[i][p]);
    set_circuits(table_, task_);
    return metric(table_, name);
  }

  testing::Planted planted_{"hist", Gauge::rotated};
  ExactModel model_ = planted_.exact();
  ExactTask task_ = run_task(model_, planted_.truth.tasks[0].prompts, "task");
  std::vector<EdgeEffect> edges_ = measure_edges(task_);
  ItemTable table_;
};

// Exact effects have the smallest distance; unrelated scores keep the metric far later.
TEST_F(RankedEdges, ByTheirEffectsKeepTheMetricEarly) {
  EXPECT_LT(scored("cmd", [](double effect) { return effect; }), 0.15);
}

TEST_F(RankedEdges, ByTheSmallestEffectsKeepItLast) {
  EXPECT_GT(scored("cmd", [](double effect) { return 1 / (1e-6 + std::abs(effect)); }), 0.3);
}

// The sign does not count by size; by value, edges that carry the answer come last.
TEST_F(RankedEdges, WithATurnedSignLoseTheOrderByValueAlone) {
  const double right = scored("cmd", [](double effect) { return effect; });
  EXPECT_DOUBLE_EQ(scored("cmd", [](double effect) { return -effect; }), right);
  const double by_value = scored("cpr_by_value", [](double effect) { return effect; });
  EXPECT_LT(scored("cpr_by_value", [](double effect) { return -effect; }), by_value - 0.2);
}

// Effects, circuits and areas of models/siit-3 were computed in PyTorch without code of lensbench,
// by the forward of models/train_siit.py with an input of its own for each reader.
TEST(StoredCircuits, AreThoseOfAnotherProgram) {
  const std::filesystem::path folder = testing::source_folder() + "/models/siit-3";
  Truth truth = read_truth(folder);
  const ExactModel model = read_exact_model(Checkpoint(folder));
  Task& task = truth.tasks[0];
  const ExactTask exact = run_task(model, task.prompts, task.name);
  task.edges->total = measure_edges(exact);
  ItemTable table = truth_table(truth, task, find_claim("edge.noise"), false).value();
  table.claimed = table.truth;
  set_circuits(table, exact);
  EXPECT_NEAR(metric(table, "cpr"), 0.918890, 1e-5);
  EXPECT_NEAR(metric(table, "cpr_by_value"), 0.925680, 1e-5);
  EXPECT_NEAR(metric(table, "cmd"), 0.080110, 1e-5);
  EXPECT_NEAR(metric(table, "cmd_log"), 0.623553, 1e-5);
}

// 120 random orders of the edges of models/siit-3, run by the same other program: CMD has the
// median 0.743, 95 % of it are from 0.488 to 0.751, and CPR is from 0.248 to 0.511. Here there are
// eight orders, so that the ends are not as sharp.
TEST(StoredCircuits, OfRandomEdgesKeepTheMetricAsLateAsInAnotherProgram) {
  const std::filesystem::path folder = testing::source_folder() + "/models/siit-3";
  const Truth truth = read_truth(folder);
  const ExactModel model = read_exact_model(Checkpoint(folder));
  const Task& task = truth.tasks[0];
  const ExactTask exact = run_task(model, task.prompts, task.name);
  Entry entry;
  entry.kind = TableKind::edges;
  ItemTable table = truth_table(truth, task, find_claim("edge.noise"), false).value();
  table.claimed = table.truth;
  set_circuits(table, exact);
  set_random_circuits(table, exact, 1);
  entry.tasks.push_back({0, table, std::nullopt});
  estimate(entry, {}, {0, 400, 0}, {.shuffled = false, .permuted = false, .null = false}, 1);
  const Estimate cmd = *find_estimate(entry, "cmd"), cpr = *find_estimate(entry, "cpr");
  EXPECT_GT(cmd.random, 0.5);
  EXPECT_GT(cmd.random_low, 0.3);
  EXPECT_LT(cmd.random_high, 0.8);
  EXPECT_GT(cpr.random_low, 0.2);
  EXPECT_LT(cpr.random_high, 0.7);
  EXPECT_LT(cmd.value, 0.1) << "effects keep it early";
}

// Scores by which no order was run have no such band.
TEST(CircuitMetrics, OfRandomEdgesAreNotKnownWhereTheyWereNotRun) {
  const std::vector<double> all(10, 1.0);
  Entry entry;
  entry.kind = TableKind::edges;
  entry.has_unit = false;
  entry.tasks.push_back({0, table_of(all, all), std::nullopt});
  estimate(entry, {}, {0, 20, 0}, {.shuffled = false, .permuted = false, .null = false}, 1);
  EXPECT_TRUE(std::isnan(find_estimate(entry, "cmd")->random));
  EXPECT_FALSE(std::isnan(find_estimate(entry, "auroc")->random));
}

}  // namespace
}  // namespace lensbench::grading
