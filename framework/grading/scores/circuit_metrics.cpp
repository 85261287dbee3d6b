#include "grading/scores/circuit_metrics.hpp"

#include <cmath>
#include <limits>

namespace lensbench::grading {
namespace {

/// Shares of the metric that circuits keep: 0 is that of no edge, 1 that of all. A table without
/// circuits has none.
std::vector<double> kept_shares(const ItemTable& table, std::size_t first,
                                const std::vector<std::size_t>& prompts) {
  std::vector<double> shares;
  if (first + std::size(kCircuitShares) > table.items.size()) return shares;
  const double none = means_over({table.corrupted}, prompts)[0];
  const double all = means_over({table.truth[first]}, prompts)[0];
  for (std::size_t i = 0; i < std::size(kCircuitShares); ++i)
    shares.push_back((means_over({table.claimed[first + i]}, prompts)[0] - none) / (all - none));
  return shares;
}

/// Integral over the sizes of circuits by trapezoids.
template <class X, class F>
double over_sizes(const std::vector<double>& shares, X x, F f) {
  double sum = 0;
  for (std::size_t i = 1; i < shares.size(); ++i)
    sum += 0.5 * (f(shares[i - 1]) + f(shares[i])) *
           (x(kCircuitShares[i].value) - x(kCircuitShares[i - 1].value));
  return shares.empty() ? std::numeric_limits<double>::quiet_NaN() : sum;
}

}  // namespace

CircuitPlaces circuit_places(const ItemTable& table) {
  CircuitPlaces places{table.items.size(), table.items.size()};
  if (table.corrupted.empty()) return places;
  // An archive that was made before random circuits were run has no rows of them.
  if (table.items.back().starts_with(kRandomCircuit)) places.random -= kRandomCircuits;
  places.chosen = places.random - kCircuits;
  return places;
}

std::vector<double> circuit_metrics(const ItemTable& table,
                                    const std::vector<std::size_t>& prompts) {
  const std::size_t first = circuit_places(table).chosen;
  const auto by_size = kept_shares(table, first, prompts);
  const auto by_value = kept_shares(table, first + std::size(kCircuitShares), prompts);
  const auto linear = [](double k) { return k; };
  const auto logarithmic = [](double k) { return std::log(k) / std::log(1000.0); };
  const auto kept = [](double share) { return share; };
  const auto distance = [](double share) { return std::abs(1 - share); };
  return {over_sizes(by_size, linear, kept), over_sizes(by_value, linear, kept),
          over_sizes(by_size, linear, distance), over_sizes(by_size, logarithmic, distance)};
}

}  // namespace lensbench::grading
