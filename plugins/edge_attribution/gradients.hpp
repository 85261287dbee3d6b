#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/model.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/routing_jumps.hpp"
#include "graph.hpp"
#include "path_patching/runs.hpp"

namespace lensbench::edges {

/// Runs of the clean prompt at which gradients are averaged, and the nodes whose edges they score.
struct Stage {
  std::string hook;          ///< activation that is set, with a batch axis of runs
  at::Tensor runs;           ///< [run, position, d_model]
  std::int64_t senders = 0;  ///< first sender that is scored
  std::int64_t count = 0;    ///< number of senders that are scored
  /// Both ends of the path that the runs are points of, [2, position, d_model]: the corrupted and
  /// the clean value; undefined if the metric's jumps along it are not asked for.
  at::Tensor ends = {};
  std::vector<double> places = {};  ///< of the runs on that path
};

/// Stages of a method. \throws UsageError for an unknown method or rule, or fewer than one step
/// \param clean      run of the clean prompt
/// \param corrupted  run of the corrupted prompt
std::vector<Stage> stages_of(const Graph& graph, const paths::RunState& clean,
                             const paths::RunState& corrupted,
                             const EdgeAttributionOptions& options);

/// Scores of edges and nodes from gradients.
struct GradientScores {
  at::Tensor edges;  ///< [reader, sender] float64: sum over positions of difference . gradient
  at::Tensor nodes;  ///< [sender] float64: the same from the gradient at the node's own output
  /// Of the metric from the corrupted to the clean end, in a mixture, if a stage has ends.
  std::optional<RoutingJumps> jumps;
};

/// Scores all edges: by one product for each kind of reader of a block, without a tensor [edge,
/// position, d_model].
/// \param differences  [sender, position, d_model], corrupted less clean
/// \throws RunError if the run is interrupted
GradientScores score_by_gradients(Context& context, const Tokens& clean, const Graph& graph,
                                  const at::Tensor& differences, const MetricReader& reader,
                                  const std::vector<Stage>& stages);

/// Memory for the gradients at the inputs of all readers of one run, bytes.
double gradient_bytes(const TransformerSpec& spec, std::int64_t length);

}  // namespace lensbench::edges
