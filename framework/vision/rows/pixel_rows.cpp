#include "vision/rows/pixel_rows.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench::vision {
namespace {

using ColourTable = std::array<std::array<float, 256>, 3>;

/// The number of each byte of each colour. Rounding is that of numpy: rescaled in double and
/// rounded to float, then normalized in float.
ColourTable normalized_bytes(const Normalization& normalization) {
  ColourTable table{};
  for (std::size_t c = 0; c < table.size(); ++c)
    for (std::size_t byte = 0; byte < table[c].size(); ++byte) {
      const auto rescaled = static_cast<float>(static_cast<double>(byte) * normalization.rescale);
      const float centred = rescaled - static_cast<float>(normalization.mean[c]);
      table[c][byte] = centred / static_cast<float>(normalization.std[c]);
    }
  return table;
}

/// One patch whose first pixel is `pixels`.
float* write_patch(const std::uint8_t* pixels, std::int64_t stride, const PatchShape& shape,
                   const ColourTable& table, float* to) {
  const std::int64_t area = shape.patch * shape.patch;
  for (std::size_t c = 0; c < table.size(); ++c) {
    const float* frame = to;
    for (std::int64_t y = 0; y < shape.patch; ++y) {
      const std::uint8_t* value = pixels + y * stride + static_cast<std::int64_t>(c);
      for (std::int64_t x = 0; x < shape.patch; ++x, value += 3) *to++ = table[c][*value];
    }
    for (std::int64_t t = 1; t < shape.temporal; ++t) to = std::copy_n(frame, area, to);
  }
  return to;
}

}  // namespace

PixelRows pixel_rows(const Picture& picture, const PatchShape& shape,
                     const Normalization& normalization) {
  const auto [height, width] = picture.size;
  const std::int64_t side = shape.token_side();
  if (height % side != 0 || width % side != 0)
    throw UsageError("picture of " + std::to_string(width) + " x " + std::to_string(height) +
                     " pixels: the sides are not multiples of " + std::to_string(side) +
                     "; resize it first");
  PixelRows rows{{1, height / shape.patch, width / shape.patch}, {}};
  rows.values.resize(static_cast<std::size_t>(rows.grid.patches() * shape.values()));
  const ColourTable table = normalized_bytes(normalization);
  const std::int64_t stride = width * 3;
  float* to = rows.values.data();
  for (std::int64_t row = 0; row < height; row += side)
    for (std::int64_t column = 0; column < width; column += side)
      for (std::int64_t y = row; y < row + side; y += shape.patch)
        for (std::int64_t x = column; x < column + side; x += shape.patch)
          to = write_patch(picture.rgb.data() + y * stride + x * 3, stride, shape, table, to);
  return rows;
}

}  // namespace lensbench::vision
