#include "vision/geometry/windows.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench::vision {
namespace {

/// Sides of one frame in tokens.
struct TokenGrid {
  std::int64_t height, width;
};

/// Adds the tokens of one window.
/// \param first  number of the frame's first token
void add_window(const TokenGrid& grid, std::int64_t first, std::int64_t row, std::int64_t column,
                std::int64_t side, std::vector<std::int64_t>& tokens) {
  for (std::int64_t y = row; y < std::min(row + side, grid.height); ++y)
    for (std::int64_t x = column; x < std::min(column + side, grid.width); ++x)
      tokens.push_back(first + y * grid.width + x);
}

void add_frame(const TokenGrid& grid, std::int64_t side, std::int64_t patches_of_token,
               WindowOrder& order) {
  const auto first = static_cast<std::int64_t>(order.tokens.size());
  for (std::int64_t row = 0; row < grid.height; row += side)
    for (std::int64_t column = 0; column < grid.width; column += side) {
      add_window(grid, first, row, column, side, order.tokens);
      order.windows.push_back(static_cast<std::int64_t>(order.tokens.size()) * patches_of_token);
    }
}

}  // namespace

WindowOrder window_order(std::span<const PatchGrid> grids, const PatchShape& shape,
                         std::int64_t window) {
  const std::int64_t side = window / shape.merge / shape.patch;
  if (side < 1)
    throw UsageError("window_size: a window of " + std::to_string(window) +
                     " pixels does not hold a token of " + std::to_string(shape.token_side()) +
                     "; give a larger one");
  WindowOrder order;
  order.windows.push_back(0);
  for (const PatchGrid& grid : grids)
    for (std::int64_t frame = 0; frame < grid.time; ++frame)
      add_frame({grid.height / shape.merge, grid.width / shape.merge}, side,
                shape.merge * shape.merge, order);
  order.places.resize(order.tokens.size());
  for (std::size_t place = 0; place < order.tokens.size(); ++place)
    order.places[static_cast<std::size_t>(order.tokens[place])] = static_cast<std::int64_t>(place);
  return order;
}

std::vector<std::int64_t> frame_starts(std::span<const PatchGrid> grids) {
  std::vector<std::int64_t> starts{0};
  for (const PatchGrid& grid : grids)
    for (std::int64_t frame = 0; frame < grid.time; ++frame)
      starts.push_back(starts.back() + grid.height * grid.width);
  return starts;
}

std::vector<PatchPlace> patch_places(std::span<const PatchGrid> grids, std::int64_t merge) {
  std::vector<PatchPlace> places;
  std::int64_t picture = 0;
  for (const PatchGrid& grid : grids) {
    for (std::int64_t frame = 0; frame < grid.time; ++frame)
      for (std::int64_t row = 0; row < grid.height; row += merge)
        for (std::int64_t column = 0; column < grid.width; column += merge)
          for (std::int64_t i = 0; i < merge * merge; ++i)
            places.push_back({picture, frame, row + i / merge, column + i % merge});
    ++picture;
  }
  return places;
}

}  // namespace lensbench::vision
