#pragma once

#include <cmath>
#include <cstdlib>
#include <lensbench/error.hpp>
#include <string_view>

#include "core/text/json.hpp"
#include "vision/settings/picture_settings.hpp"

namespace lensbench::fuzz {

/// Any preprocessor_config.json is either refused with an InputError or gives settings by which a
/// picture can be resized and normalized to finite numbers.
inline void read_preprocessor(std::string_view bytes) {
  try {
    const auto settings = vision::read_picture_settings(parse_json(bytes, "fuzz"), "fuzz");
    const auto side = settings.shape.token_side();
    const auto size = vision::smart_resize({30, 50}, side, settings.limits, "fuzz");
    if (size.height < side || size.width < side || size.height % side != 0 ||
        size.width % side != 0)
      std::abort();
    // The smallest picture, since a file may ask for large ones.
    const vision::PictureSize token{side, side};
    if (vision::bytes_of(token, 3) > (1U << 16U)) return;
    const vision::Picture picture{token,
                                  std::vector<std::uint8_t>(vision::bytes_of(token, 3), 255)};
    for (const float value :
         vision::pixel_rows(picture, settings.shape, settings.normalization).values)
      if (!std::isfinite(value)) std::abort();
  } catch (const InputError&) {
  }
}

}  // namespace lensbench::fuzz
