#include "grading/run/edge_circuits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "grading/exact/circuits.hpp"

namespace lensbench::grading {
namespace {

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

}  // namespace

void set_circuits(ItemTable& table, const ExactTask& task) {
  const std::size_t edges = table.items.size() - kCircuits;
  std::vector<double> scores = means_over(table.claimed, all_of(table.prompts()));
  scores.resize(edges);
  std::size_t row = edges;
  for (const bool by_size : {true, false}) {
    std::vector<double> ranked = scores;
    if (by_size)
      for (double& score : ranked) score = std::abs(score);
    const auto order = best_first(std::move(ranked));
    std::set<Edge> kept;
    for (const CircuitShare& share : kCircuitShares) {
      // A product that is a whole number may come out just below it.
      const auto n = static_cast<std::size_t>(share.value * static_cast<double>(edges) + 1e-9);
      for (std::size_t i = kept.size(); i < n; ++i) kept.insert(edge_of(table.items[order[i]]));
      table.claimed[row++] = to_numbers(circuit_metric(task, kept));
    }
  }
}

}  // namespace lensbench::grading
