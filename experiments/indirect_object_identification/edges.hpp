#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/tools/edge_attribution.hpp>
#include <vector>

#include "prompts.hpp"

// The circuit of edges: the first half of the traced prompts ranks edges, the other half runs the
// circuits of the best ones.

namespace indirect_object_identification {

/// Shares of the edges that circuits keep, rising; empty: edges are not examined.
std::vector<double> shares_of(const lensbench::Parameters& given);

/// Scores of all edges for each of some prompts, [choosing, edge].
lensbench::Dataset score_edges(const lensbench::Uses<lensbench::EdgeAttribution>& tool,
                               const std::vector<Prompt>& prompts,
                               const lensbench::Parameters& given);

/// Circuits by the scores that the cases saved as `edges`, in the order of `circuits_of`.
at::Tensor chosen_circuits(const lensbench::Summary& cases);

/// Metrics of circuits on each of some prompts, [measured, ...].
/// \param circuits  [circuit, edge] bool
lensbench::Dataset run_edge_circuits(const lensbench::Uses<lensbench::EdgeAttribution>& tool,
                                     const std::vector<Prompt>& prompts, const at::Tensor& circuits,
                                     const lensbench::Parameters& given);

/// The ranked edges, and what their circuits give over all measuring prompts.
/// \param cases  with the datasets `edges` and `edge_circuits`
lensbench::Dataset edge_circuit_of(const lensbench::Summary& cases);

}  // namespace indirect_object_identification
