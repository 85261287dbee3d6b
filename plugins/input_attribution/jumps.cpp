#include "jumps.hpp"

#include <ATen/ops/equal.h>

namespace lensbench::inputs {

Jumps jumps_of(const std::vector<PathPoint>& path) {
  Jumps jumps;
  for (std::size_t k = 1; k < path.size(); ++k) {
    const PathPoint &from = path[k - 1], &to = path[k];
    if (at::equal(from.experts, to.experts)) continue;
    const double smooth = (to.place - from.place) * (from.slope + to.slope) / 2.0;
    jumps.sum += to.value - from.value - smooth;
    ++jumps.intervals;
  }
  return jumps;
}

}  // namespace lensbench::inputs
