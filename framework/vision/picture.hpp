#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lensbench::vision {

/// Height and width of a picture in pixels.
struct PictureSize {
  std::int64_t height = 0;
  std::int64_t width = 0;

  bool operator==(const PictureSize&) const = default;
};

/// Pixels of a picture: bytes `[height, width, 3]`, red, green and blue.
struct Picture {
  PictureSize size;
  std::vector<std::uint8_t> rgb;
};

/// Largest number of pixels that a picture may have; Pillow refuses larger ones as well.
inline constexpr std::int64_t kMostPixels = 178'956'970;

inline std::size_t bytes_of(PictureSize size, std::int64_t channels) {
  return static_cast<std::size_t>(size.height * size.width * channels);
}

}  // namespace lensbench::vision
