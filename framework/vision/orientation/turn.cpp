#include "vision/orientation/turn.hpp"

#include <algorithm>

namespace lensbench::vision {
namespace {

// Rows of a picture are far apart in memory: where they become columns, blocks stay in the cache.
constexpr std::int64_t kBlock = 64;

/// Where the pixel at row y and column x of the upright picture is stored: `first + y·down +
/// x·right`, counted in pixels.
struct Walk {
  std::int64_t first, down, right;
};

/// \param h, w  sides of the stored picture
Walk walk_of(int orientation, std::int64_t h, std::int64_t w) {
  const std::int64_t last_row = (h - 1) * w, last_column = w - 1;
  switch (orientation) {
    case 2:
      return {last_column, w, -1};
    case 3:
      return {last_row + last_column, -w, -1};
    case 4:
      return {last_row, -w, 1};
    case 5:
      return {0, 1, w};
    case 6:
      return {last_row, 1, -w};
    case 7:
      return {last_row + last_column, -1, -w};
    default:
      return {last_column, -1, w};
  }
}

void copy_block(const std::uint8_t* stored, const Walk& walk, Picture& upright, std::int64_t y0,
                std::int64_t x0) {
  const std::int64_t y1 = std::min(y0 + kBlock, upright.size.height);
  const std::int64_t x1 = std::min(x0 + kBlock, upright.size.width);
  for (std::int64_t y = y0; y < y1; ++y) {
    std::uint8_t* to = upright.rgb.data() + (y * upright.size.width + x0) * 3;
    const std::uint8_t* from = stored + (walk.first + y * walk.down + x0 * walk.right) * 3;
    for (std::int64_t x = x0; x < x1; ++x, to += 3, from += walk.right * 3)
      std::copy_n(from, 3, to);
  }
}

}  // namespace

Picture turn_upright(Picture stored, int orientation) {
  if (orientation == 1) return stored;
  const auto [h, w] = stored.size;
  Picture upright;
  upright.size = exchanges_sides(orientation) ? PictureSize{w, h} : stored.size;
  upright.rgb.resize(stored.rgb.size());
  const Walk walk = walk_of(orientation, h, w);
  for (std::int64_t y = 0; y < upright.size.height; y += kBlock)
    for (std::int64_t x = 0; x < upright.size.width; x += kBlock)
      copy_block(stored.rgb.data(), walk, upright, y, x);
  return upright;
}

}  // namespace lensbench::vision
