#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lensbench::figure {

/// A colour of the sRGB space.
struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

constexpr Colour kInk{0x1a, 0x1a, 0x1a};      ///< texts and axes
constexpr Colour kFaint{0x6b, 0x6b, 0x6b};    ///< notes; contrast 5.3:1 on white
constexpr Colour kPaper{0xff, 0xff, 0xff};    ///< background
constexpr Colour kNoValue{0xec, 0xec, 0xec};  ///< cells without a value

/// Colour as `#rrggbb`.
std::string hex(Colour colour);

/// Whether a palette has its neutral colour in the middle.
bool is_diverging(std::string_view palette);
/// Colour of a palette at a share from 0 to 1; a share outside is an end of the palette.
/// \throws UsageError for an unknown palette, with the nearest names
Colour palette_colour(std::string_view palette, double share);

/// Contrast of two colours by WCAG 2: from 1, equal, to 21, black on white.
double contrast(Colour a, Colour b);
/// Ink with the larger contrast on a background: dark or white, at least 4.5.
Colour ink_on(Colour background);

/// Colour of a line among others: those of Okabe and Ito (2008), grey in place of yellow, which is
/// too light
/// on white. Numbers from 0; the eight colours repeat.
Colour series_colour(std::size_t number);
constexpr std::size_t kMostSeries = 8;

}  // namespace lensbench::figure
