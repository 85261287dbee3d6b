#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/metric.hpp>
#include <vector>

#include "circuit_run.hpp"
#include "faithfulness.hpp"

namespace lensbench::edges {

/// Replaces inputs of readers by their own values and compares every bit.
Receipt self_replacement_changes_nothing(const Model& model, const Tokens& clean,
                                         const MetricReader& reader, const Gap& gap);

/// Compares the edges with the published formula for their number.
Receipt edges_are_counted(const Graph& graph, const TransformerSpec& spec);

/// Compares the scores of the edges that leave each node with the node's own score: the chain rule.
/// \param edges  [reader, sender] float64
/// \param nodes  [sender] float64
Receipt edges_sum_to_their_node(const Graph& graph, const at::Tensor& edges,
                                const at::Tensor& nodes, double gap);

/// Compares the scores of the edges that leave the embedding with the gap, which the integral over
/// embeddings must give.
/// \param jumps  part of the gap that no gradient sees
Receipt embedding_sums_to_the_gap(const Graph& graph, const at::Tensor& scores, double jumps,
                                  double gap);

/// Compares the circuit of all edges with the clean run, the circuit without an edge with the run
/// that edges outside of circuits carry, and circuits that are run alone with those of a batch.
/// \param gap            base: metric of the clean run, source: of the corrupted one
/// \param carries_a_run  edges outside carry the corrupted run's values, not zeros
std::vector<Receipt> receipts_of_circuits(Context& context, const CircuitInputs& inputs,
                                          const Faithfulness& found, const Gap& gap,
                                          bool carries_a_run);

}  // namespace lensbench::edges
