#include "faithfulness.hpp"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>
#include <limits>

#include "common/results.hpp"

namespace circuit_discovery {
namespace {

using namespace lensbench;

constexpr std::int64_t kBootstrapSamples = 1000;

/// Values of one variable, [case, value] float64.
at::Tensor rows_of(const std::vector<Dataset>& runs, const char* name) {
  std::vector<at::Tensor> rows;
  rows.reserve(runs.size());
  for (const Dataset& run : runs) rows.push_back(run[name].tensor.flatten().to(at::kDouble));
  return at::stack(rows);
}

/// Area by trapezoids.
double area(const std::vector<double>& shares, const double* values) {
  double sum = 0;
  for (std::size_t i = 1; i < shares.size(); ++i)
    sum += (shares[i] - shares[i - 1]) * (values[i - 1] + values[i]) / 2;
  return sum;
}

/// (mean metric - mean of no edge) / (mean of all edges - mean of no edge), NaN below `min_gap`.
std::vector<double> ratios(const at::Tensor& metrics, const at::Tensor& all, const at::Tensor& none,
                           double min_gap) {
  const double base = none.mean().item<double>(), whole = all.mean().item<double>() - base;
  std::vector<double> found = statistics::values_of(metrics.mean(0));
  for (double& value : found)
    value = std::abs(whole) < min_gap || whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                    : (value - base) / whole;
  return found;
}

}  // namespace

void add_faithfulness(Dataset& table, const std::vector<Dataset>& runs,
                      const std::vector<double>& shares, double min_gap, std::uint64_t seed) {
  const auto n = std::ssize(shares);
  const at::Tensor metrics = rows_of(runs, "circuit_metric"),
                   random = rows_of(runs, "random_metric");
  const at::Tensor all = rows_of(runs, "all_metric"), none = rows_of(runs, "none_metric");
  const auto statistic = [&](const std::vector<std::size_t>& cases) {
    const at::Tensor chosen =
        at::tensor(std::vector<std::int64_t>(cases.begin(), cases.end()), at::kLong);
    const auto of = [&](const at::Tensor& values) { return values.index_select(0, chosen); };
    std::vector<double> found = ratios(of(metrics), of(all), of(none), min_gap);
    std::vector<double> distance(found.begin() + n, found.end());
    for (double& value : distance) value = std::abs(1 - value);
    const double cpr = area(shares, found.data()), cmd = area(shares, distance.data());
    found.push_back(cpr);
    found.push_back(cmd);
    return found;
  };
  const statistics::Resampling resampling{.samples = kBootstrapSamples, .seed = seed};
  const auto found = statistics::bootstrap(runs.size(), statistic, resampling);

  table.add_coordinate("proportion", at::tensor(shares, at::kDouble),
                       "share of the edges that a circuit keeps");
  table.add_coordinate("ranking", std::vector<std::string>{"importance", "magnitude"},
                       "number by which edges are ranked");
  const Variable& like = runs.front()["circuit_metric"];
  table.add("circuit_metric_mean", {"ranking", "proportion"}, metrics.mean(0).view({2, n}),
            like.units, like.long_name + ", mean over cases");
  const std::string undefined =
      "NaN: all edges and no edge give metrics that differ by less than "
      "min_gap";
  common::add_estimates(table,
                        {"faithfulness",
                         {"ranking", "proportion"},
                         "1",
                         "(circuit_metric - metric of no edge) / (metric of all edges - metric of "
                         "no edge), each a mean over cases; " +
                             undefined},
                        found, 0, {2, n}, resampling);
  const auto areas = static_cast<std::size_t>(2 * n);
  common::add_estimates(table,
                        {"cpr",
                         {},
                         "1",
                         "area under the faithfulness of the ranking by importance, over the "
                         "shares; " +
                             undefined},
                        found, areas, {}, resampling);
  common::add_estimates(
      table,
      {"cmd",
       {},
       "1",
       "area of |1 - faithfulness| of the ranking by magnitude, over the shares; " + undefined},
      found, areas + 1, {}, resampling);
  if (random.size(1) == 0) return;
  common::add_numbers(table,
                      {"random_faithfulness",
                       {"proportion", "draw"},
                       "1",
                       "faithfulness of circuits of as many random edges; " + undefined},
                      ratios(random, all, none, min_gap), {n, random.size(1) / n});
}

}  // namespace circuit_discovery
