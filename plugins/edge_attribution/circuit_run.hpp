#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/context.hpp>
#include <lensbench/metric.hpp>

#include "graph.hpp"
#include "outputs.hpp"

namespace lensbench::edges {

/// What circuits are run on.
struct CircuitInputs {
  const Graph& graph;
  const Tokens& clean;
  const RunState& run;      ///< run of the clean prompt
  const RunState& ablated;  ///< values that edges outside of a circuit carry
  const MetricReader& reader;
};

/// Metrics of circuits. Each reader gets the ablated stream plus, for every edge of the circuit
/// that comes in, what the node writes in this run less what it writes in the ablated one; so all
/// nodes run, each on what its own edges bring. \param circuits  [circuit, edge] bool \param most
/// circuits in one forward \return [circuit] float64 \throws RunError if the run is interrupted
at::Tensor run_circuits(Context& context, const CircuitInputs& inputs, const at::Tensor& circuits,
                        std::int64_t most);

/// Runs the circuit without an edge. Every reader then reads the ablated stream, so that each node
/// but the embedding writes what it writes there.
/// \return largest difference between what a node writes and its ablated value, in units of the
///   largest difference between the clean and the ablated run; 0 if those are equal
double difference_without_edges(const Model& model, const CircuitInputs& inputs);

}  // namespace lensbench::edges
