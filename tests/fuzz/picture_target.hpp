#pragma once

#include <cstdlib>
#include <lensbench/error.hpp>
#include <string_view>

#include "vision/decode/decode.hpp"
#include "vision/orientation/turn.hpp"

namespace lensbench::fuzz {

/// Any file is either refused with an InputError or gives an upright picture of the size that it
/// says. Pictures are small, so that many are decoded in a second.
inline void decode_picture(std::string_view bytes) {
  constexpr std::int64_t kMost = 1 << 18;
  using vision::Alpha, vision::SixteenBit;
  for (const auto& [alpha, sixteen_bit] :
       {std::pair{Alpha::drop, SixteenBit::clip}, std::pair{Alpha::white, SixteenBit::scale}}) {
    try {
      const auto decoded = vision::decode_picture(bytes, "fuzz", {alpha, sixteen_bit, kMost});
      auto [height, width] = decoded.stored;
      if (vision::exchanges_sides(decoded.orientation)) std::swap(height, width);
      const auto& upright = decoded.upright;
      if (upright.size != vision::PictureSize{height, width} || height * width < 1 ||
          height * width > kMost || upright.rgb.size() != vision::bytes_of(upright.size, 3))
        std::abort();
    } catch (const InputError&) {
    }
  }
}

}  // namespace lensbench::fuzz
