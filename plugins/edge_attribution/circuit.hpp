#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "graph.hpp"

namespace lensbench::edges {

/// Edges or nodes from the best to the worst.
using Order = std::vector<std::int64_t>;

/// Indices by falling value; equal values keep their order.
Order by_value(const at::Tensor& values);

/// Edges in the order in which a circuit grows back from the logits: of those whose reader is part
/// of it, the best is added next, with the node that it comes from (EAP-IG, src/eap/graph.py).
/// \param values  [edge] float64
Order grown_from_logits(const Graph& graph, const at::Tensor& values);

/// How circuits are chosen.
struct Ranking {
  Order order;            ///< order of edges or of nodes
  bool of_nodes = false;  ///< an edge is kept with the node that it leaves
};

/// Order of a ranking by the options `level` and `select`.
/// \param edges  [edge] float64, larger is better
/// \param nodes  [sender] float64; read for the level `node` alone
/// \throws UsageError for an unknown level or selection
Ranking ranking_of(const Graph& graph, const EdgeAttributionOptions& options,
                   const at::Tensor& edges, const at::Tensor& nodes);

/// Number that a share keeps of `count`: floor(share * count), as MIB's evaluation does. It is 0
/// for the smallest shares of small graphs.
std::int64_t kept_of(double share, std::int64_t count);

/// The best edges of a ranking, [edge] bool.
at::Tensor circuit_of(const Graph& graph, const Ranking& ranking, double share);

/// Area under values over shares, by trapezoids; NaN if a value is.
double area(const std::vector<double>& shares, const std::vector<double>& values);

}  // namespace lensbench::edges
