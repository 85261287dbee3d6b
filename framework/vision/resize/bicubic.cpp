#include "vision/resize/bicubic.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "vision/resize/filter.hpp"

namespace lensbench::vision {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);
// Bytes of a row that are summed up together: their sums stay in the first-level cache.
constexpr std::size_t kStrip = 1024;

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

/// One row of the picture, resized along the width.
void resize_row(const std::uint8_t* from, std::uint8_t* to, const AxisFilter& filter) {
  for (const AxisFilter::Taps& taps : filter.taps) {
    const std::int32_t* weight = filter.weights.data() + taps.weight;
    const std::uint8_t* pixel = from + taps.first * 3;
    std::int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (std::int64_t j = 0; j < taps.count; ++j, pixel += 3) {
      red += pixel[0] * weight[j];
      green += pixel[1] * weight[j];
      blue += pixel[2] * weight[j];
    }
    *to++ = to_byte(red);
    *to++ = to_byte(green);
    *to++ = to_byte(blue);
  }
}

Picture resize_width(const Picture& picture, std::int64_t width) {
  const AxisFilter filter = bicubic_filter(picture.size.width, width);
  Picture resized{{picture.size.height, width}, {}};
  resized.rgb.resize(bytes_of(resized.size, 3));
  for (std::int64_t y = 0; y < picture.size.height; ++y)
    resize_row(picture.rgb.data() + y * picture.size.width * 3, resized.rgb.data() + y * width * 3,
               filter);
  return resized;
}

/// Part of one row of the resized picture: weighted sum of rows of `stride` bytes.
void sum_rows(const std::uint8_t* rows, std::size_t stride, const std::int32_t* weights,
              std::int64_t count, std::uint8_t* to, std::size_t bytes) {
  std::array<std::int32_t, kStrip> sums;
  std::fill_n(sums.begin(), bytes, kHalf);
  for (std::int64_t j = 0; j < count; ++j, rows += stride) {
    const std::int32_t weight = weights[j];
    for (std::size_t x = 0; x < bytes; ++x) sums[x] += rows[x] * weight;
  }
  for (std::size_t x = 0; x < bytes; ++x) to[x] = to_byte(sums[x]);
}

Picture resize_height(const Picture& picture, std::int64_t height) {
  const AxisFilter filter = bicubic_filter(picture.size.height, height);
  Picture resized{{height, picture.size.width}, {}};
  resized.rgb.resize(bytes_of(resized.size, 3));
  const std::size_t stride = bytes_of({1, picture.size.width}, 3);
  std::uint8_t* to = resized.rgb.data();
  for (const AxisFilter::Taps& taps : filter.taps) {
    const std::uint8_t* rows = picture.rgb.data() + static_cast<std::size_t>(taps.first) * stride;
    for (std::size_t x = 0; x < stride; x += kStrip)
      sum_rows(rows + x, stride, filter.weights.data() + taps.weight, taps.count, to + x,
               std::min(kStrip, stride - x));
    to += stride;
  }
  return resized;
}

bool height_first(PictureSize from, PictureSize to, ResizeOrder order) {
  const std::int64_t shrinks = from.height - to.height;
  return order == ResizeOrder::pillow13 && shrinks > 0 && shrinks > 2 * (from.width - to.width);
}

}  // namespace

Picture resize_bicubic(const Picture& picture, PictureSize size, ResizeOrder order) {
  const bool width = size.width != picture.size.width, height = size.height != picture.size.height;
  if (!width && !height) return picture;
  if (!height) return resize_width(picture, size.width);
  if (!width) return resize_height(picture, size.height);
  return height_first(picture.size, size, order)
             ? resize_width(resize_height(picture, size.height), size.width)
             : resize_height(resize_width(picture, size.width), size.height);
}

}  // namespace lensbench::vision
