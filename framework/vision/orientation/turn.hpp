#pragma once

#include "vision/picture.hpp"

namespace lensbench::vision {

/// The picture as it is to be shown.
/// \param stored       as the file stores it
/// \param orientation  EXIF's number, 1 to 8: 2 mirrors, 3 turns by a half, 4 flips, 5 transposes,
///   6 turns by a quarter clockwise, 7 transposes on the other diagonal, 8 turns anticlockwise
Picture turn_upright(Picture stored, int orientation);

/// Whether the turn exchanges height and width.
constexpr bool exchanges_sides(int orientation) {
  return orientation >= 5;
}

}  // namespace lensbench::vision
