#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/spec.hpp>
#include <map>
#include <span>
#include <vector>

namespace lensbench {

/// What a run gives at one point of a path between two inputs.
struct PathPoint {
  double place;        ///< from 0, the beginning of the path, to 1, its end
  double weight;       ///< in the sum of slopes that stands for the integral
  double value;        ///< metric
  double slope;        ///< its derivative along the path
  at::Tensor experts;  ///< what the routers of a mixture choose, in any shape: `ChosenExperts`
};

/// Part of the metric's change along a path that no integral of gradients sees.
struct RoutingJumps {
  double sum = 0;              ///< in the unit of the metric
  std::int64_t intervals = 0;  ///< pairs of neighbouring points with different experts
};

/// Sum over pairs of neighbouring points with different experts: the difference of their values,
/// less what the weighted sum of slopes counts between them. Each point counts for a stretch of the
/// path as long as its weight, in the order of the points.
/// \param path  points in any order, with both ends; the weights sum to 1
RoutingJumps routing_jumps_of(std::vector<PathPoint> path);

/// What the routers of a mixture choose, by block, [row, token, choice + expert] int32: the chosen
/// experts in rising order, then of each expert whether it has no share, a part of one, or a whole.
using ChosenExperts = std::map<std::int64_t, at::Tensor>;

/// Adds hooks that keep the experts of each forward. Without effect if the model is not a
/// mixture. \param rows      sequences of the batch \param position  position of the metric: in a
/// causal model, tokens after it are left out
void read_experts(Hooks& hooks, const TransformerSpec& spec, std::int64_t rows,
                  std::int64_t position, ChosenExperts& experts);

/// Points of a path from runs at them.
/// \param places     place of each run
/// \param weights    weight of each run
/// \param values     [run] metrics
/// \param gradients  [run, token, width] of the metrics by the input
/// \param way        [token, width] end of the path less its beginning
/// \param experts    of these runs
void add_points(std::vector<PathPoint>& path, std::span<const double> places,
                std::span<const double> weights, const at::Tensor& values,
                const at::Tensor& gradients, const at::Tensor& way, const ChosenExperts& experts);

}  // namespace lensbench
