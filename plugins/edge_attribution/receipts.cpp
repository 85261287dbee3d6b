#include "receipts.hpp"

#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>
#include <lensbench/sweep_receipts.hpp>

#include "common/worst.hpp"

namespace lensbench::edges {
namespace {

/// Difference in units of the gap, or of the metrics where those are larger.
double relative(double a, double b, double gap) {
  const double scale = std::max({std::abs(gap), std::abs(a), std::abs(b), 1e-6});
  return std::abs(a - b) / scale;
}

}  // namespace

/// The first and the last block stand for all.
Receipt self_replacement_changes_nothing(const Model& model, const Tokens& clean,
                                         const MetricReader& reader, const Gap& gap) {
  SweepOptions options;
  options.metric_position = reader.position();
  SweepResult result;
  result.metrics = at::full({1, 1, 1}, gap.base, at::kDouble);
  result.base_metrics = at::full({1, 1}, gap.base, at::kDouble);
  const std::vector<SweepCell> cells;
  const RowMetrics metrics = reader.rows();
  return self_replacement({model, clean, cells, metrics, options, result, gap.value()},
                          {"hook_q_input", "hook_k_input", "hook_v_input", "hook_mlp_in"});
}

Receipt edges_are_counted(const Graph& graph, const TransformerSpec& spec) {
  const auto found = static_cast<std::int64_t>(graph.edges.size());
  return make_receipt("edges_are_counted_by_the_formula",
                      static_cast<double>(std::abs(found - number_of_edges(spec))), 0.0,
                      "edges less those of the formula, from the shape of the model");
}

Receipt edges_sum_to_their_node(const Graph& graph, const at::Tensor& edges,
                                const at::Tensor& nodes, double gap) {
  std::vector<double> sums(graph.senders.size(), 0.0);
  double largest_term = std::abs(gap);
  for (const Graph::Edge& edge : graph.edges) {
    const double score = edges[edge.reader][edge.sender].item<double>();
    sums[static_cast<std::size_t>(edge.sender)] += score;
    largest_term = worst_of(largest_term, std::abs(score));
  }
  double worst = 0;
  for (std::size_t s = 0; s < sums.size(); ++s)
    worst = worst_of(worst, std::abs(sums[s] - nodes[static_cast<std::int64_t>(s)].item<double>()));
  return make_receipt("edges_sum_to_the_score_of_their_node", worst / std::max(largest_term, 1e-6),
                      1e-4,
                      "chain rule; relative to the gap or the largest edge; float32 products");
}

Receipt embedding_sums_to_the_gap(const Graph& graph, const at::Tensor& scores, double jumps,
                                  double gap) {
  double sum = jumps;
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    if (graph.edges[e].sender == 0) sum += scores[static_cast<std::int64_t>(e)].item<double>();
  return make_receipt(
      "edges_of_the_embedding_sum_to_the_gap", std::abs(sum - gap) / std::max(std::abs(gap), 1e-6),
      0.05,
      "completeness of the integral, with the jumps where experts of a mixture change; "
      "relative to the gap; more steps reduce it");
}

std::vector<Receipt> receipts_of_circuits(Context& context, const CircuitInputs& inputs,
                                          const Faithfulness& found, const Gap& gap,
                                          bool carries_a_run) {
  const double tolerance = rounding_tolerance(context.model());
  std::vector<Receipt> receipts = {
      make_receipt("all_edges_give_the_clean_run", relative(found.all, gap.base, gap.value()),
                   tolerance, "relative to the gap or the metric; order of rounding")};
  if (carries_a_run)
    receipts.push_back(make_receipt(
        "no_edge_gives_the_corrupted_run",
        worst_of(relative(found.none, gap.source, gap.value()),
                 difference_without_edges(context.model(), inputs)),
        // Largest elements of many activations, in place of one metric.
        10 * tolerance,
        "metric, and what every node writes, relative to their differences between both runs; "
        "order of rounding"));
  double worst = 0;
  const std::int64_t count = found.circuits.size(0);
  for (const std::int64_t i : {std::int64_t{0}, count / 2, count - 1}) {
    const double alone =
        lensbench::edges::run_circuits(context, inputs, found.circuits.narrow(0, i, 1), 1)
            .item<double>();
    worst = worst_of(worst, relative(alone, found.circuit_metrics[i].item<double>(), gap.value()));
  }
  receipts.push_back(make_receipt("batched_equals_single", worst, tolerance,
                                  "three circuits alone; relative to the gap or the metric"));
  return receipts;
}

}  // namespace lensbench::edges
