#include "grading/run/edge_circuits.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/random.hpp>
#include <limits>
#include <numeric>
#include <set>

#include "grading/exact/circuits.hpp"
#include "grading/scores/circuit_metrics.hpp"

namespace lensbench::grading {
namespace {

constexpr std::uint64_t kOrderStream = 1906;

/// An edge by the name of its item, `SOURCE>TARGET.SLOT`.
Edge edge_of(const std::string& item) {
  const auto arrow = item.find('>'), dot = item.rfind('.');
  return {item.substr(0, arrow), item.substr(arrow + 1, dot - arrow - 1), item.substr(dot + 1)};
}

/// Edges from the largest score on; those without one are last.
std::vector<std::size_t> best_first(std::vector<double> scores) {
  for (double& score : scores)
    if (std::isnan(score)) score = -std::numeric_limits<double>::infinity();
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// Runs circuits of the first edges of an order, from the smallest to the largest. Their metrics
/// become the rows from `row` on. \return the row after them
std::size_t run_circuits(ItemTable& table, const ExactTask& task,
                         const std::vector<std::size_t>& order, std::size_t row) {
  std::set<Edge> kept;
  std::vector<double> metric = to_numbers(task.corrupted_metric);
  for (const CircuitShare& share : kCircuitShares) {
    // A product that is a whole number may come out just below it.
    const auto n = static_cast<std::size_t>(share.value * static_cast<double>(order.size()) + 1e-9);
    if (n > kept.size()) {
      for (std::size_t i = kept.size(); i < n; ++i) kept.insert(edge_of(table.items[order[i]]));
      metric = to_numbers(circuit_metric(task, kept));
    }
    table.claimed[row++] = metric;
  }
  return row;
}

}  // namespace

void set_circuits(ItemTable& table, const ExactTask& task) {
  std::size_t row = circuit_places(table).chosen;
  std::vector<double> scores = means_over(table.claimed, all_of(table.prompts()));
  scores.resize(row);
  for (const bool by_size : {true, false}) {
    std::vector<double> ranked = scores;
    if (by_size)
      for (double& score : ranked) score = std::abs(score);
    row = run_circuits(table, task, best_first(std::move(ranked)), row);
  }
}

void set_random_circuits(ItemTable& table, const ExactTask& task, std::uint64_t seed) {
  const CircuitPlaces places = circuit_places(table);
  Philox random(seed, kOrderStream);
  for (std::size_t row = places.random; row < table.items.size();) {
    std::vector<double> scores(places.chosen);
    for (double& score : scores) score = random.normal();
    row = run_circuits(table, task, best_first(std::move(scores)), row);
  }
}

}  // namespace lensbench::grading
