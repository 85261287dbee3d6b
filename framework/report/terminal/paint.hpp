#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/terminal/terminal.hpp"

namespace lensbench::terminal {

/// Each returns the text as it is when the style has no colour.
std::string bold(std::string_view text, const TerminalStyle& style);
std::string faint(std::string_view text, const TerminalStyle& style);
std::string alarm(std::string_view text, const TerminalStyle& style);
/// Blue above zero, orange below: told apart with any colour vision.
std::string signed_colour(std::string_view text, double value, const TerminalStyle& style);

/// Background from dark blue (0) to yellow (1), with black or white text on it, whichever
/// contrasts.
std::string on_probability(std::string_view text, double probability, const TerminalStyle& style,
                           bool strong = false);

/// A line that shows what the backgrounds mean.
std::string probability_legend(const TerminalStyle& style);

/// One character per value, its height from 0 to `top`.
std::string sparkline(const std::vector<double>& values, double top, const TerminalStyle& style);

/// A bar from the middle of `width` cells, to the right above zero and to the left below, its
/// length a share of `scale`; half-cell steps.
std::string signed_bar(double value, double scale, int width, const TerminalStyle& style);

}  // namespace lensbench::terminal
