#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/spec.hpp>
#include <map>
#include <optional>
#include <span>

namespace lensbench {

/// What a run gives at one point of a path between two inputs.
struct PathPoint {
  double place;        ///< from 0, the beginning of the path, to 1, its end
  double weight;       ///< weight of the point in the rule of the integral; 0: not part of it
  double value;        ///< metric
  double slope;        ///< derivative of the metric along the path
  at::Tensor experts;  ///< what the routers of a mixture choose, in any shape: `ChosenExperts`
};

/// Part of the metric's change along a path that no integral of gradients sees.
struct RoutingJumps {
  double sum = 0;              ///< in the unit of the metric
  std::int64_t intervals = 0;  ///< pairs of neighbouring points with different experts
  double share = 0;            ///< part of the path between such points
};

/// Finds the jumps of a metric along a path. Between neighbouring points with different experts a
/// jump is the difference of their values, less what the rule of the integral counts there: each
/// point counts for a stretch of the path as long as its weight, in the order of the points. Only
/// the last point is kept.
class RoutingPath {
 public:
  /// Adds the next point, in the order of their places from one end to the other. The weights of
  /// all points sum to 1.
  void add(const PathPoint& point);
  /// Jumps between the points so far; empty if there is none.
  std::optional<RoutingJumps> jumps() const;

 private:
  std::optional<PathPoint> last_;
  double counted_ = 0;  ///< end of the stretch that the last point counts for
  RoutingJumps jumps_;
};

/// What an integral of slopes misses of the difference of the values at both ends, without the
/// jumps where these explain it. Where experts change on more than half of the path nothing is
/// explained by jumps, since these contain whatever the slopes miss there.
/// \param gap  integral of the slopes less the difference, along the path
double unexplained(double gap, const std::optional<RoutingJumps>& jumps);

/// Whether a model has routers, which choose experts.
inline bool chooses_experts(const TransformerSpec& spec) {
  return spec.mlp.n_experts > 0;
}

/// What the routers of a mixture choose, by block, [row, token, choice + expert] int32: the chosen
/// experts in rising order, then of each expert whether it has no share, a part of one, or a whole.
using ChosenExperts = std::map<std::int64_t, at::Tensor>;

/// Adds hooks that keep the experts of each forward; none if the model does not choose experts.
/// \param rows      sequences of the batch
/// \param position  position of the metric: in a causal model, tokens after it are left out
void read_experts(Hooks& hooks, const TransformerSpec& spec, std::int64_t rows,
                  std::int64_t position, ChosenExperts& experts);

/// Adds points of a path from runs at them.
///
/// \param places     place of each run
/// \param weights    weight of each run
/// \param values     [run] metrics
/// \param gradients  [run, token, width] of the metrics by the input
/// \param way        [token, width] end of the path less its beginning
/// \param experts    experts that these runs chose
void add_points(RoutingPath& path, std::span<const double> places, std::span<const double> weights,
                const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& way,
                const ChosenExperts& experts);

}  // namespace lensbench
