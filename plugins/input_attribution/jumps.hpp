#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace lensbench::inputs {

/// What a run gives at one point of the path from the baseline to the input.
struct PathPoint {
  double place;        ///< from 0, the baseline, to 1, the input
  double value;        ///< metric
  double slope;        ///< its derivative along the path
  at::Tensor experts;  ///< experts that the routers of a mixture choose, in any shape
};

/// Part of the metric's change along a path that no integral of gradients sees.
struct Jumps {
  double sum = 0;              ///< in the unit of the metric
  std::int64_t intervals = 0;  ///< pairs of neighbouring points with different experts
};

/// Sum over pairs of neighbouring points with different experts: the difference of their values,
/// less the integral of the slope between them (trapezoid rule).
/// \param path  points in the order of their places
Jumps jumps_of(const std::vector<PathPoint>& path);

}  // namespace lensbench::inputs
