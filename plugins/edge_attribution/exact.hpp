#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/context.hpp>
#include <lensbench/metric.hpp>

#include "graph.hpp"
#include "path_patching/runs.hpp"

namespace lensbench::edges {

/// Change of the metric when one edge carries the corrupted value and everything after its reader
/// runs: one run for each edge, as path patching with frozen MLPs does it.
/// \param pair  base: the clean run, source: the corrupted run
/// \return [edge] float64
at::Tensor score_exactly(Context& context, const Graph& graph, const paths::RunPair& pair,
                         const MetricReader& reader);

}  // namespace lensbench::edges
