#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/context.hpp>
#include <lensbench/sweep.hpp>
#include <lensbench/tools/path_patching.hpp>
#include <vector>

#include "runs.hpp"

namespace lensbench::paths {

/// Everything of one sweep before it is run.
struct Plan {
  Context& context;
  const RunPair& pair;
  const std::vector<Sender>& senders;
  const std::vector<Receiver>& receivers;
  const PathPatchingOptions& options;
  RowMetrics metrics;
  std::int64_t position = 0;  ///< position of the metric, counted from the start
};

/// Metrics of all paths.
struct PathSweep {
  at::Tensor metrics;  ///< [sender, receiver] or [sender, receiver, token]; NaN: not a path
  double base_metric = 0.0;
  SweepOptions options;          ///< options of the sweeps below
  std::vector<SweepCell> cells;  ///< cells of the group of senders that has the largest effect
  SweepResult result;            ///< result of these cells
};

/// Positions, of those that a sender changes, at which a receiver's input reaches the metric.
std::vector<std::int64_t> path_positions(const TransformerSpec& spec,
                                         const std::vector<std::int64_t>& changed,
                                         const Receiver& receiver, std::int64_t metric_position);

/// Runs every path: for each group of senders the inputs of all receivers, then one cell a path.
PathSweep sweep_paths(const Plan& plan);

/// Cost of all paths if the prompts differ at every position, from shapes alone.
SweepCost paths_cost(const TransformerSpec& spec, std::int64_t length,
                     const std::vector<Sender>& senders, const std::vector<Receiver>& receivers,
                     const PathPatchingOptions& options);

/// Most cells in one forward: a changed input of heads is a copy of the stream for each head.
std::int64_t cells_in_forward(const TransformerSpec& spec, std::int64_t length,
                              const std::vector<Receiver>& receivers, std::int64_t most_cells);

}  // namespace lensbench::paths
