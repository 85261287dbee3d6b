#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "report/figure/palette.hpp"

namespace lensbench::figure {

/// PNG of an image with at most 256 colours.
/// \param width    in pixels
/// \param height   in pixels
/// \param pixels   indices of colours, row by row
/// \param colours  at most 256
std::string png_of(std::size_t width, std::size_t height, std::string_view pixels,
                   const std::vector<Colour>& colours);

/// Bytes in base64 with padding.
std::string base64(std::string_view bytes);

}  // namespace lensbench::figure
