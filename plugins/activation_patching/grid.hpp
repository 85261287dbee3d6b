#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/sweep.hpp>
#include <vector>

#include "points.hpp"
#include "values.hpp"

namespace lensbench::patching {

/// Cells of one point: consecutive in the sweep, ordered by block, head and position.
struct PointCells {
  GridPoint point;
  std::int64_t first = 0;           ///< index of the first cell
  std::vector<std::int64_t> shape;  ///< [block, head, token], without the axes that are not swept

  /// The values of these cells, of those of the whole sweep.
  at::Tensor of(const at::Tensor& all) const;
};

/// All cells of a sweep.
struct Grid {
  std::vector<SweepCell> cells;
  std::vector<PointCells> points;
};

/// Cells of every point, block, head and position.
/// \param by_position  false: each cell replaces all positions
/// \param values       undefined values if nullptr: for the cost alone
Grid make_grid(const TransformerSpec& spec, const std::vector<GridPoint>& points,
               std::int64_t length, bool by_position, const Values* values);

}  // namespace lensbench::patching
