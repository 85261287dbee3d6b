#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "graph.hpp"
#include "path_patching/runs.hpp"

namespace lensbench::edges {

/// Runs of the clean prompt at which gradients are averaged, and the nodes whose edges they score.
struct Stage {
  std::string hook;          ///< activation that is set, with a batch axis of runs
  at::Tensor runs;           ///< [run, position, d_model]
  std::int64_t senders = 0;  ///< first sender that is scored
  std::int64_t count = 0;    ///< number of senders that are scored
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
