#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
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

/// A PNG with texts and its resolution added.
/// \param png    complete
/// \param texts  names, of 1 to 79 ASCII characters, and values in UTF-8 without NUL
/// \param dpi    pixels per inch
std::string with_texts(const std::string& png,
                       const std::vector<std::pair<std::string, std::string>>& texts, double dpi);

}  // namespace lensbench::figure
