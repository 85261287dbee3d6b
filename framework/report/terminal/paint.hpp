#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/terminal/terminal.hpp"

namespace lensbench::terminal {

/// Text in bold. This and the following functions return the text unchanged for a style without
/// colour.
std::string bold(std::string_view text, const TerminalStyle& style);
/// Text with less contrast.
std::string faint(std::string_view text, const TerminalStyle& style);
/// Text in the colour of warnings.
std::string alarm(std::string_view text, const TerminalStyle& style);
/// Text in blue for values above zero, orange below: distinguishable with any colour vision.
std::string signed_colour(std::string_view text, double value, const TerminalStyle& style);

/// Text on a background from dark blue (0) to yellow (1), in black or white, whichever has more
/// contrast.
std::string on_probability(std::string_view text, double probability, const TerminalStyle& style,
                           bool strong = false);

/// One character with two squares, one above the other, in the colours of `on_probability`; a NaN
/// is not painted. For styles with colour and UTF-8.
std::string half_blocks(double upper, double lower, const TerminalStyle& style);

/// Text on a background from orange (-1) over dark grey (0) to blue (1).
std::string on_signed(std::string_view text, double share, const TerminalStyle& style);

/// One character that is higher the larger `share` (0 to 1) is.
std::string shade(double share, const TerminalStyle& style);

/// Bar of length `value` / `scale` in half-cell steps, to the right within `width` cells.
std::string amount_bar(double value, double scale, int width, const TerminalStyle& style);

/// Legend of the backgrounds, in one line.
std::string probability_legend(const TerminalStyle& style);

/// Sparkline with one character per value, whose height is between 0 and `top`.
std::string sparkline(const std::vector<double>& values, double top, const TerminalStyle& style);

/// Bar of length |value| / `scale` in half-cell steps, from the middle of `width` cells to the
/// right for values above zero and to the left below.
std::string signed_bar(double value, double scale, int width, const TerminalStyle& style);

}  // namespace lensbench::terminal
