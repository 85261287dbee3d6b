#pragma once

#include <cstdlib>
#include <string_view>

#include "vision/decode/png_text.hpp"
#include "vision/orientation/orientation.hpp"

namespace lensbench::fuzz {

/// Any EXIF block, XMP packet and profile in text gives an orientation of 1 to 8.
inline void read_orientation(std::string_view bytes) {
  const auto check = [](int orientation) {
    if (orientation < 1 || orientation > 8) std::abort();
  };
  check(vision::orientation_of(bytes, {}));
  check(vision::orientation_of({}, bytes));
  check(vision::orientation_of(vision::raw_profile(bytes), bytes));
}

}  // namespace lensbench::fuzz
