#pragma once

// What circuits give on prompts that did not choose their edges.

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/edge_attribution.hpp>
#include <limits>
#include <string>
#include <vector>

#include "common/edge_circuits.hpp"
#include "common/results.hpp"

namespace common {

/// Random samples of prompts for the stability of the best edges.
inline constexpr std::int64_t kStabilitySamples = 200;
/// Stability below which a circuit is called unstable (arXiv:2510.00845).
inline constexpr double kStable = 0.8;

/// Metrics of circuits on pairs of prompts, float64.
struct CircuitRuns {
  at::Tensor circuits;  ///< [pair, ranking * share]
  at::Tensor random;    ///< [pair, share * draw]
  at::Tensor all;       ///< [pair] with every edge
  at::Tensor none;      ///< [pair] without an edge
};

/// Difference in units of the gap, or of the metrics where those are larger.
inline double relative_difference(double a, double b, double gap) {
  return std::abs(a - b) / std::max({std::abs(gap), std::abs(a), std::abs(b), 1e-6});
}

/// Receipts of circuits that were run on one pair of prompts.
/// \param carries_a_run  whether edges outside of a circuit carry the corrupted run's values
inline std::vector<lensbench::Receipt> circuit_receipts(const lensbench::CircuitMetrics& found,
                                                        bool carries_a_run) {
  const double gap = found.corrupted - found.clean;
  const std::string note = "relative to the gap or the metric; order of rounding";
  std::vector<lensbench::Receipt> receipts = {
      lensbench::make_receipt("all_edges_give_the_clean_run",
                              relative_difference(found.all, found.clean, gap), 1e-4, note)};
  if (carries_a_run)
    receipts.push_back(
        lensbench::make_receipt("no_edge_gives_the_corrupted_run",
                                relative_difference(found.none, found.corrupted, gap), 1e-4, note));
  return receipts;
}

/// Area by trapezoids.
inline double area_under(const std::vector<double>& shares, const double* values) {
  double sum = 0;
  for (std::size_t i = 1; i < shares.size(); ++i)
    sum += (shares[i] - shares[i - 1]) * (values[i - 1] + values[i]) / 2;
  return sum;
}

/// (mean metric - mean of no edge) / (mean of all edges - mean of no edge), NaN below `min_gap`.
/// \param metrics  [pair, circuit]
inline std::vector<double> faithfulness_of(const at::Tensor& metrics, const at::Tensor& all,
                                           const at::Tensor& none, double min_gap) {
  const double base = none.mean().item<double>(), whole = all.mean().item<double>() - base;
  std::vector<double> found = lensbench::statistics::values_of(metrics.mean(0));
  for (double& value : found)
    value = std::abs(whole) < min_gap || whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                    : (value - base) / whole;
  return found;
}

/// Faithfulness [ranking * share] of some pairs, then `cpr` and `cmd`.
inline std::vector<double> faithfulness_and_areas(const CircuitRuns& runs,
                                                  const std::vector<std::size_t>& pairs,
                                                  const std::vector<double>& shares,
                                                  double min_gap) {
  const at::Tensor chosen =
      at::tensor(std::vector<std::int64_t>(pairs.begin(), pairs.end()), at::kLong);
  const auto of = [&](const at::Tensor& values) { return values.index_select(0, chosen); };
  std::vector<double> found =
      faithfulness_of(of(runs.circuits), of(runs.all), of(runs.none), min_gap);
  std::vector<double> distance(found.begin() + std::ssize(shares), found.end());
  for (double& value : distance) value = std::abs(1 - value);
  const double cpr = area_under(shares, found.data()), cmd = area_under(shares, distance.data());
  found.push_back(cpr);
  found.push_back(cmd);
  return found;
}

/// Adds to a table the ranking of the edges: `source`, `target`, `slot`, `importance` [edge],
/// `edges_kept` and `edge_stability` [proportion].
/// \param like        result of edge_attribution, for the names of edges and the units
/// \param importance  [pair, edge] of the pairs that choose edges
/// \param pairs       what a pair is called: `cases`
inline void add_ranked_edges(lensbench::Dataset& table, const lensbench::Dataset& like,
                             const at::Tensor& importance, const std::vector<double>& shares,
                             std::uint64_t seed, const std::string& pairs) {
  for (const char* name : {"source", "target", "slot"}) table.add(like[name]);
  const at::Tensor mean = importance.mean(0);
  table.add("importance", {"edge"}, mean, like["importance"].units,
            like["importance"].long_name + ", mean over the " + pairs + " that choose edges");
  table.set_attribute("importance", "view", std::string("graph"));
  std::vector<std::int64_t> kept;
  kept.reserve(shares.size());
  for (const double share : shares) kept.push_back(kept_of(share, mean.size(0)));
  table.add("edges_kept", {"proportion"}, at::tensor(kept, at::kLong), "1",
            "edges of the circuit, floor(share * edges)");
  const std::vector<double> stability = stability_of(importance, shares, kStabilitySamples, seed);
  table.add("edge_stability", {"proportion"}, at::tensor(stability, at::kDouble), "1",
            "Jaccard index of the best edges of random samples of the " + pairs + " and of all " +
                pairs +
                ", mean over samples; below 0.8 another set of prompts may choose other edges "
                "(NaN: no edge, or fewer than two " +
                pairs + ")");
  table.set_attribute("edge_stability", "samples", kStabilitySamples);
  table.attributes["unstable_proportions"] = static_cast<std::int64_t>(
      std::count_if(stability.begin(), stability.end(), [](double s) { return s < kStable; }));
  table.attributes["choosing_" + pairs] = importance.size(0);
}

/// Adds to a table what circuits give on all measuring pairs together: `circuit_metric_mean`,
/// `faithfulness` [ranking, proportion], `random_faithfulness` [proportion, draw], `cpr`, `cmd`,
/// with percentile intervals over pairs. Each faithfulness is a ratio of means over pairs.
/// \param shares   shares of the edges, rising
/// \param min_gap  least difference of the mean metrics of all edges and of no edge
/// \param units    of the metric
/// \param pairs    what a pair is called: `cases`
inline void add_faithfulness(lensbench::Dataset& table, const CircuitRuns& runs,
                             const std::vector<double>& shares, double min_gap, std::uint64_t seed,
                             const std::string& units, const std::string& pairs) {
  const auto n = std::ssize(shares);
  const lensbench::statistics::Resampling resampling{.samples = 1000, .seed = seed};
  const auto found = lensbench::statistics::bootstrap(
      static_cast<std::size_t>(runs.all.size(0)),
      [&](const auto& drawn) { return faithfulness_and_areas(runs, drawn, shares, min_gap); },
      resampling);
  table.add_coordinate("proportion", at::tensor(shares, at::kDouble),
                       "share of the edges that a circuit keeps");
  table.add_coordinate("ranking", std::vector<std::string>{"importance", "magnitude"},
                       "number by which edges are ranked");
  table.add("circuit_metric_mean", {"ranking", "proportion"}, runs.circuits.mean(0).view({2, n}),
            units, "metric of the circuit, everything else ablated, mean over " + pairs);
  const std::string undefined =
      "NaN: all edges and no edge give metrics that differ by less than "
      "min_gap";
  add_estimates(table,
                {"faithfulness",
                 {"ranking", "proportion"},
                 "1",
                 "(circuit_metric - metric of no edge) / (metric of all edges - metric of "
                 "no edge), each a mean over " +
                     pairs + "; " + undefined},
                found, 0, {2, n}, resampling);
  const auto areas = static_cast<std::size_t>(2 * n);
  add_estimates(table,
                {"cpr",
                 {},
                 "1",
                 "area under the faithfulness of the ranking by importance, over the "
                 "shares; " +
                     undefined},
                found, areas, {}, resampling);
  add_estimates(
      table,
      {"cmd",
       {},
       "1",
       "area of |1 - faithfulness| of the ranking by magnitude, over the shares; " + undefined},
      found, areas + 1, {}, resampling);
  if (runs.random.size(1) == 0) return;
  add_numbers(table,
              {"random_faithfulness",
               {"proportion", "draw"},
               "1",
               "faithfulness of circuits of as many random edges; " + undefined},
              faithfulness_of(runs.random, runs.all, runs.none, min_gap),
              {n, runs.random.size(1) / n});
}

}  // namespace common
