#include "report/terminal/paint.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "report/terminal/text.hpp"

namespace lensbench::terminal {
namespace {

struct Rgb {
  double red = 0, green = 0, blue = 0;
};

// The lightness of the ramp increases evenly, so that it is also readable in greyscale.
constexpr std::array<Rgb, 6> kRamp = {
    {{34, 36, 62}, {52, 72, 124}, {38, 114, 142}, {38, 158, 136}, {122, 200, 92}, {248, 224, 72}}};

Rgb between(const Rgb& a, const Rgb& b, double t) {
  return {a.red + t * (b.red - a.red), a.green + t * (b.green - a.green),
          a.blue + t * (b.blue - a.blue)};
}

/// Colour at `share` between the six fixed colours, by linear interpolation.
Rgb ramp(double share) {
  const double position = std::clamp(share, 0.0, 1.0) * (kRamp.size() - 1);
  // At share 1 the upper neighbour must still exist.
  const auto below = std::min(static_cast<std::size_t>(position), kRamp.size() - 2);
  const double t = position - static_cast<double>(below);
  return between(kRamp[below], kRamp[below + 1], t);
}

// Nearest level in the 6x6x6 cube of the 256-colour palette: 0, 95, 135, ..., 255.
int cube_level(double value) {
  if (value < 48) return 0;
  if (value < 115) return 1;
  return std::min(5, static_cast<int>((value - 35) / 40));
}

enum class Ground { ink = 38, background = 48 };

/// Terminals without 24-bit colour take the nearest colour of the cube, whose indices begin at 16.
std::string colour_code(Ground ground, const Rgb& c, bool true_colour) {
  std::array<char, 32> buffer{};
  if (true_colour)
    std::snprintf(buffer.data(), buffer.size(), "%d;2;%d;%d;%d", static_cast<int>(ground),
                  static_cast<int>(c.red), static_cast<int>(c.green), static_cast<int>(c.blue));
  else
    std::snprintf(buffer.data(), buffer.size(), "%d;5;%d", static_cast<int>(ground),
                  16 + 36 * cube_level(c.red) + 6 * cube_level(c.green) + cube_level(c.blue));
  return buffer.data();
}

/// Text between the sequence of its colour and a reset: each text is complete in itself, so that
/// lines can be cut and joined between texts.
std::string sequence(std::string_view codes, std::string_view text, const TerminalStyle& style) {
  if (!style.colour || text.empty()) return std::string(text);
  return "\x1b[" + std::string(codes) + "m" + std::string(text) + "\x1b[0m";
}

std::string on_colour(std::string_view text, const Rgb& c, const TerminalStyle& style,
                      bool strong) {
  // By the Rec. 709 luma: text on a bright background must be dark to be readable.
  const double luma = 0.2126 * c.red + 0.7152 * c.green + 0.0722 * c.blue;
  // Black or white from the fixed part of the palette: the first 16 colours depend on the user's
  // theme.
  const std::string ink = luma > 128 ? "38;5;16" : "38;5;231";
  return sequence(
      (strong ? "1;" : "") + ink + ";" + colour_code(Ground::background, c, style.true_colour),
      text, style);
}

}  // namespace

std::string bold(std::string_view text, const TerminalStyle& style) {
  return sequence("1", text, style);
}

std::string faint(std::string_view text, const TerminalStyle& style) {
  return sequence("2", text, style);
}

std::string alarm(std::string_view text, const TerminalStyle& style) {
  return sequence("1;97;41", text, style);
}

std::string signed_colour(std::string_view text, double value, const TerminalStyle& style) {
  return sequence(value < 0 ? "38;5;208" : "38;5;39", text, style);
}

std::string on_probability(std::string_view text, double probability, const TerminalStyle& style,
                           bool strong) {
  return on_colour(text, ramp(std::isnan(probability) ? 0 : probability), style, strong);
}

std::string half_blocks(double upper, double lower, const TerminalStyle& style) {
  const auto code = [&](Ground ground, double share) {
    return colour_code(ground, ramp(share), style.true_colour);
  };
  if (std::isnan(upper) && std::isnan(lower)) return " ";
  if (std::isnan(upper)) return sequence(code(Ground::ink, lower), "▄", style);
  if (std::isnan(lower)) return sequence(code(Ground::ink, upper), "▀", style);
  return sequence(code(Ground::ink, upper) + ";" + code(Ground::background, lower), "▀", style);
}

/// A dark grey for zero, so that small values of either sign recede.
std::string on_signed(std::string_view text, double share, const TerminalStyle& style) {
  constexpr Rgb kZero{48, 48, 52}, kBelow{240, 140, 30}, kAbove{60, 165, 245};
  const double distance = std::isnan(share) ? 0 : std::min(1.0, std::abs(share));
  return on_colour(text, between(kZero, share < 0 ? kBelow : kAbove, distance), style, false);
}

std::string shade(double share, const TerminalStyle& style) {
  return sparkline({std::isfinite(share) ? share : 0}, 1, style);
}

std::string amount_bar(double value, double scale, int width, const TerminalStyle& style) {
  const double share = scale > 0 && std::isfinite(value) ? std::clamp(value / scale, 0.0, 1.0) : 0;
  // Half-block characters double the resolution of a bar.
  const int halves = static_cast<int>(std::lround(share * width * 2));
  std::string bar;
  for (int i = 0; i < halves / 2; ++i) bar += style.unicode ? "█" : "#";
  if (halves % 2 == 1) bar += style.unicode ? "▌" : "=";
  return signed_colour(bar, value, style);
}

std::string probability_legend(const TerminalStyle& style) {
  std::string line = "probability ";
  for (int tenth = 0; tenth <= 10; ++tenth) {
    const std::string label = tenth == 0    ? " 0  "
                              : tenth == 10 ? " 1  "
                                            : cat({" .", std::to_string(tenth), " "});
    line += on_probability(label, tenth / 10.0, style);
  }
  return line;
}

std::string sparkline(const std::vector<double>& values, double top, const TerminalStyle& style) {
  static constexpr std::array<const char*, 8> kUnicode = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  // Characters by the height of their ink, for terminals without UTF-8.
  static constexpr std::array<const char*, 8> kAscii = {"_", ".", ":", "-", "=", "+", "#", "@"};
  std::string out;
  for (const double value : values) {
    const double share = top > 0 && std::isfinite(value) ? std::clamp(value / top, 0.0, 1.0) : 0.0;
    // Eight levels of equal height; the top value belongs to the highest.
    const auto level = std::min<std::size_t>(7, static_cast<std::size_t>(share * 8));
    out += std::isnan(value) ? " " : style.unicode ? kUnicode[level] : kAscii[level];
  }
  return out;
}

std::string signed_bar(double value, double scale, int width, const TerminalStyle& style) {
  // Both sides have equal widths, and the axis is between them, so that the axes of all bars of a
  // chart are in one column.
  const int side = std::max(1, (width - 1) / 2);
  const double share = scale > 0 && std::isfinite(value) ? std::clamp(value / scale, -1.0, 1.0) : 0;
  const int halves = static_cast<int>(std::lround(std::abs(share) * side * 2));
  const bool odd = halves % 2 == 1;
  std::string bar;
  for (int i = 0; i < halves / 2; ++i) bar += style.unicode ? "█" : "#";
  const int cells = halves / 2 + (odd ? 1 : 0);
  const std::string space(static_cast<std::size_t>(side - cells), ' ');
  const std::string blank(static_cast<std::size_t>(side), ' ');
  const std::string axis = faint(style.unicode ? "│" : "|", style);
  if (value < 0) {
    if (odd) bar = (style.unicode ? "▐" : "=") + bar;
    return space + signed_colour(bar, value, style) + axis + blank;
  }
  if (odd) bar += style.unicode ? "▌" : "=";
  return blank + axis + signed_colour(bar, value, style) + space;
}

}  // namespace lensbench::terminal
