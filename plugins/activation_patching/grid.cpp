#include "grid.hpp"

#include <functional>
#include <numeric>

namespace lensbench::patching {
namespace {

/// Values of length 1 serve every position or head.
at::Tensor element(const at::Tensor& values, std::int64_t axis, std::int64_t index) {
  return index < 0 || values.size(axis) == 1 ? values : values.narrow(axis, index, 1);
}

/// \param head, position  -1: all
SweepCell make_cell(const GridPoint& point, std::int64_t block, std::int64_t head,
                    std::int64_t position, const Values* values) {
  CellWrite write{written_hook(point), block, {}, {}, {}};
  if (position >= 0) write.positions = {position};
  if (head >= 0) write.heads = {head};
  if (values != nullptr) {
    // Axes of the values: position, head, d_head.
    const at::Tensor rows = element(values->at(place_of(point, block)), 0, position);
    write.values = head < 0 ? rows : element(rows, 1, head);
  }
  return {{std::move(write)}};
}

}  // namespace

/// Cells of one point are consecutive in the sweep.
at::Tensor PointCells::of(const at::Tensor& all) const {
  const std::int64_t count =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  return all.narrow(0, first, count).reshape(shape);
}

/// The order of cells is the order of the axes of the result, so no table of indices is needed.
Grid make_grid(const TransformerSpec& spec, const std::vector<GridPoint>& points,
               std::int64_t length, bool by_position, const Values* values) {
  Grid grid;
  for (const GridPoint& point : points) {
    PointCells cells{point, static_cast<std::int64_t>(grid.cells.size()), {spec.n_layers}};
    const std::int64_t heads = point.by_head ? point.n_heads : 1;
    const std::int64_t positions = by_position ? length : 1;
    if (point.by_head) cells.shape.push_back(heads);
    if (by_position) cells.shape.push_back(positions);
    for (std::int64_t block = 0; block < spec.n_layers; ++block)
      for (std::int64_t head = 0; head < heads; ++head)
        for (std::int64_t position = 0; position < positions; ++position)
          grid.cells.push_back(make_cell(point, block, point.by_head ? head : -1,
                                         by_position ? position : -1, values));
    grid.points.push_back(std::move(cells));
  }
  return grid;
}

}  // namespace lensbench::patching
