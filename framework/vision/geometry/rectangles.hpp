#pragma once

#include <vector>

#include "vision/rows/patch_grid.hpp"

namespace lensbench::vision {

/// Part of a picture in pixels: pixel i covers [i, i + 1), and edges need not be whole numbers.
struct Rectangle {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;

  bool operator==(const Rectangle&) const = default;
};

/// Rectangle of every token of a still picture, in the order of the tokens after the merger (row by
/// row). Neighbours share their edges exactly, and the last ones end at the picture's edge.
/// \param size  of the picture whose pixels are meant: the resized or the upright one
std::vector<Rectangle> token_rectangles(const PatchGrid& grid, std::int64_t merge,
                                        PictureSize size);

/// Rectangle of a part of the upright picture in the picture as its file stores it.
/// \param upright      a part of the upright picture
/// \param orientation  EXIF's number, 1 to 8
/// \param size         of the upright picture
Rectangle upright_to_stored(const Rectangle& upright, int orientation, PictureSize size);

}  // namespace lensbench::vision
