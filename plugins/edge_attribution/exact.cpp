#include "exact.hpp"

#include <ATen/ops/tensor.h>

#include <vector>

#include "path_patching/paths.hpp"

namespace lensbench::edges {

at::Tensor score_exactly(Context& context, const Graph& graph, const paths::RunPair& pair,
                         const MetricReader& reader) {
  const PathPatchingOptions options;
  const paths::Plan plan{context, pair,          graph.senders,    graph.readers,
                         options, reader.rows(), reader.position()};
  const paths::PathSweep sweep = paths::sweep_paths(plan);  // [sender, reader]
  std::vector<std::int64_t> places;
  places.reserve(graph.edges.size());
  for (const Graph::Edge& edge : graph.edges)
    places.push_back(edge.sender * graph.n_readers() + edge.reader);
  return sweep.metrics.flatten()
      .index_select(0, at::tensor(places, at::kLong))
      .sub(sweep.base_metric);
}

}  // namespace lensbench::edges
