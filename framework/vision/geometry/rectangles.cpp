#include "vision/geometry/rectangles.hpp"

namespace lensbench::vision {
namespace {

/// Where a side of `pixels` is cut for `tokens` tokens.
std::vector<double> edges(std::int64_t tokens, std::int64_t pixels) {
  std::vector<double> places;
  places.reserve(static_cast<std::size_t>(tokens) + 1);
  for (std::int64_t i = 0; i <= tokens; ++i)
    places.push_back(static_cast<double>(i * pixels) / static_cast<double>(tokens));
  return places;
}

}  // namespace

std::vector<Rectangle> token_rectangles(const PatchGrid& grid, std::int64_t merge,
                                        PictureSize size) {
  const std::vector<double> x = edges(grid.width / merge, size.width);
  const std::vector<double> y = edges(grid.height / merge, size.height);
  std::vector<Rectangle> rectangles;
  rectangles.reserve((x.size() - 1) * (y.size() - 1));
  for (std::size_t row = 0; row + 1 < y.size(); ++row)
    for (std::size_t column = 0; column + 1 < x.size(); ++column)
      rectangles.push_back({x[column], y[row], x[column + 1], y[row + 1]});
  return rectangles;
}

Rectangle upright_to_stored(const Rectangle& upright, int orientation, PictureSize size) {
  const auto [x0, y0, x1, y1] = upright;
  const auto w = static_cast<double>(size.width), h = static_cast<double>(size.height);
  switch (orientation) {
    case 2:
      return {w - x1, y0, w - x0, y1};
    case 3:
      return {w - x1, h - y1, w - x0, h - y0};
    case 4:
      return {x0, h - y1, x1, h - y0};
    case 5:
      return {y0, x0, y1, x1};
    case 6:
      return {y0, w - x1, y1, w - x0};
    case 7:
      return {h - y1, w - x1, h - y0, w - x0};
    case 8:
      return {h - y1, x0, h - y0, x1};
    default:
      return upright;
  }
}

}  // namespace lensbench::vision
