#include "report/figure/palette.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>

#include "core/text/suggest.hpp"
#include "report/figure/figure.hpp"
#include "report/figure/palette_tables.hpp"

namespace lensbench::figure {
namespace {

constexpr std::string_view kReversed = "-reversed";

struct Palette {
  std::string_view name, colours;
  bool diverging;
};

constexpr std::array<Palette, 3> kPalettes{{{"viridis", kViridis, false},
                                            {"cividis", kCividis, false},
                                            {"purple-orange", kPurpleOrange, true}}};

int digit(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

/// Colour `index` of a table of six digits a colour.
Colour entry(std::string_view table, std::size_t index) {
  const auto part = [&](std::size_t i) {
    return static_cast<std::uint8_t>(16 * digit(table[6 * index + i]) +
                                     digit(table[6 * index + i + 1]));
  };
  return {part(0), part(2), part(4)};
}

const Palette& palette_of(std::string_view name) {
  if (name.ends_with(kReversed)) name.remove_suffix(kReversed.size());
  for (const Palette& palette : kPalettes)
    if (palette.name == name) return palette;
  throw UsageError("palette '" + std::string(name) + "': it does not exist" +
                   suggest(name, palette_names()));
}

std::uint8_t between(std::uint8_t from, std::uint8_t to, double share) {
  return static_cast<std::uint8_t>(std::lround(from + share * (to - from)));
}

/// Relative luminance of WCAG 2.
double luminance(Colour colour) {
  const auto linear = [](std::uint8_t part) {
    const double c = part / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue);
}

}  // namespace

std::string hex(Colour colour) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const int part : {colour.red, colour.green, colour.blue}) {
    text += kDigits[static_cast<std::size_t>(part / 16)];
    text += kDigits[static_cast<std::size_t>(part % 16)];
  }
  return text;
}

std::vector<std::string> palette_names() {
  std::vector<std::string> names;
  for (const std::string_view end : {std::string_view(), kReversed})
    for (const Palette& palette : kPalettes)
      names.push_back(std::string(palette.name) + std::string(end));
  return names;
}

bool is_diverging(std::string_view palette) {
  return palette_of(palette).diverging;
}

/// A table of 256 colours is used as it is; the few classes of a diverging palette are interpolated
/// linearly, so that equal distances from zero have equal steps.
Colour palette_colour(std::string_view palette, double share) {
  const Palette& chosen = palette_of(palette);
  share = std::isnan(share) ? 0 : std::clamp(share, 0.0, 1.0);
  if (palette.ends_with(kReversed)) share = 1 - share;
  const std::size_t n = chosen.colours.size() / 6;
  if (n == 256)
    return entry(chosen.colours, std::min<std::size_t>(255, static_cast<std::size_t>(share * 256)));
  const double place = share * static_cast<double>(n - 1);
  const auto low = std::min(static_cast<std::size_t>(place), n - 2);
  const double rest = place - static_cast<double>(low);
  const Colour a = entry(chosen.colours, low), b = entry(chosen.colours, low + 1);
  return {between(a.red, b.red, rest), between(a.green, b.green, rest),
          between(a.blue, b.blue, rest)};
}

double contrast(Colour a, Colour b) {
  const double first = luminance(a), second = luminance(b);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

Colour ink_on(Colour background) {
  constexpr Colour kBlack{0, 0, 0};
  // The ink of all other texts where it can be read; black has the contrast that remains.
  if (contrast(kInk, background) >= 4.5) return kInk;
  return contrast(kPaper, background) >= contrast(kBlack, background) ? kPaper : kBlack;
}

Colour series_colour(std::size_t number) {
  constexpr std::array<Colour, kMostSeries> kColours{{{0x00, 0x72, 0xb2},
                                                      {0xd5, 0x5e, 0x00},
                                                      {0x00, 0x9e, 0x73},
                                                      {0xcc, 0x79, 0xa7},
                                                      {0xe6, 0x9f, 0x00},
                                                      {0x56, 0xb4, 0xe9},
                                                      {0x00, 0x00, 0x00},
                                                      {0x80, 0x80, 0x80}}};
  return kColours[number % kMostSeries];
}

}  // namespace lensbench::figure
