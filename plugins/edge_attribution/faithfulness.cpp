#include "faithfulness.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <numeric>

namespace lensbench::edges {
namespace {

/// The first `count` of a random order of `total` (Fisher and Yates), as a circuit.
at::Tensor random_circuit(Philox& random, std::int64_t count, std::int64_t total) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(total));
  std::iota(order.begin(), order.end(), 0);
  at::Tensor kept = at::zeros({total}, at::kBool);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto other =
        i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(total - i)));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
    kept.data_ptr<bool>()[order[static_cast<std::size_t>(i)]] = true;
  }
  return kept;
}

/// NaN everywhere if all edges and no edge give metrics that differ by less than `min_gap`.
at::Tensor shares_of(const at::Tensor& metrics, const Faithfulness& found, double min_gap) {
  const double whole = found.all - found.none;
  if (!(std::abs(whole) >= min_gap) || whole == 0)
    return at::full_like(metrics, std::numeric_limits<double>::quiet_NaN());
  return metrics.sub(found.none).div(whole);
}

void add_scalar(Dataset& dataset, const char* name, double value, const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), "1", long_name);
}

/// Values at which both rankings and the areas are defined.
void add_areas(Dataset& dataset, const at::Tensor& faithfulness,
               const std::vector<double>& shares) {
  const std::vector<double> signed_ranking = statistics::values_of(faithfulness[0]);
  std::vector<double> distance = statistics::values_of(faithfulness[1]);
  for (double& value : distance) value = std::abs(1 - value);
  add_scalar(dataset, "cpr", area(shares, signed_ranking),
             "area under the faithfulness of the ranking by importance, over the shares "
             "(trapezoids; NaN: gap below min_gap)");
  add_scalar(dataset, "cmd", area(shares, distance),
             "area of |1 - faithfulness| of the ranking by magnitude, over the shares "
             "(trapezoids; NaN: gap below min_gap)");
}

}  // namespace

Faithfulness measure_faithfulness(Context& context, const CircuitInputs& inputs,
                                  const at::Tensor& importance, const at::Tensor& nodes,
                                  const EdgeAttributionOptions& options) {
  const Graph& graph = inputs.graph;
  const auto count = static_cast<std::int64_t>(graph.edges.size());
  const auto shares = std::ssize(options.proportions);
  const Ranking by_importance = ranking_of(graph, options, importance, nodes);
  const Ranking by_magnitude =
      ranking_of(graph, options, importance.abs(), nodes.defined() ? nodes.abs() : nodes);
  Faithfulness found;
  std::vector<at::Tensor> circuits, of_magnitude;
  for (const double share : options.proportions) {
    circuits.push_back(circuit_of(graph, by_importance, share));
    of_magnitude.push_back(circuit_of(graph, by_magnitude, share));
    found.edges_kept.push_back(circuits.back().sum().item<std::int64_t>());
  }
  if (shares > 0) found.in_circuit = at::stack(circuits);
  circuits.insert(circuits.end(), of_magnitude.begin(), of_magnitude.end());
  Philox random(context.seed(), kRandomCircuits);
  for (const std::int64_t kept : found.edges_kept)
    for (std::int64_t draw = 0; draw < options.random_draws; ++draw)
      circuits.push_back(random_circuit(random, kept, count));
  circuits.push_back(at::ones({count}, at::kBool));
  circuits.push_back(at::zeros({count}, at::kBool));
  found.circuits = at::stack(circuits);
  found.circuit_metrics = run_circuits(context, inputs, found.circuits, options.most_circuits);
  found.metrics = found.circuit_metrics.narrow(0, 0, 2 * shares).view({2, shares});
  found.random = found.circuit_metrics.narrow(0, 2 * shares, shares * options.random_draws)
                     .view({shares, options.random_draws});
  found.all = found.circuit_metrics[-2].item<double>();
  found.none = found.circuit_metrics[-1].item<double>();
  return found;
}

void add_faithfulness(Dataset& dataset, const Faithfulness& found,
                      const EdgeAttributionOptions& options, const char* units) {
  dataset.add_coordinate("proportion", at::tensor(options.proportions, at::kDouble),
                         "share of the edges (or nodes) that a circuit keeps");
  dataset.add_coordinate("ranking", std::vector<std::string>{"importance", "magnitude"},
                         "number by which edges are ranked");
  dataset.add("edges_kept", {"proportion"}, at::tensor(found.edges_kept, at::kLong), "1",
              "edges of the circuit, floor(share * number of edges or nodes)");
  dataset.add("in_circuit", {"proportion", "edge"}, found.in_circuit.to(at::kChar), "1",
              "1: the edge is part of the circuit of the ranking by importance");
  dataset.add("circuit_metric", {"ranking", "proportion"}, found.metrics, units,
              "metric of the circuit, everything else ablated");
  const at::Tensor faithfulness = shares_of(found.metrics, found, options.min_gap);
  dataset.add("faithfulness", {"ranking", "proportion"}, faithfulness, "1",
              "(circuit_metric - metric of no edge) / (metric of all edges - metric of no edge); "
              "NaN: these two differ by less than min_gap");
  add_areas(dataset, faithfulness, options.proportions);
  if (options.random_draws == 0) return;
  dataset.add("random_faithfulness", {"proportion", "draw"},
              shares_of(found.random, found, options.min_gap), "1",
              "faithfulness of circuits of as many random edges; NaN: as faithfulness");
}

}  // namespace lensbench::edges
