#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <string>

namespace lensbench {

/// What the place that text goes to can show.
struct TerminalStyle {
  int columns = 80;          ///< cells a line may fill; taken for 60 where it is less
  bool colour = false;       ///< escape sequences for colour may be written
  bool unicode = true;       ///< UTF-8 is understood; else ASCII only
  bool true_colour = false;  ///< 24-bit colours; else the 256-colour palette
};

/// Reads the terminal behind a file descriptor: its width (`COLUMNS`, then the window size), colour
/// (off for a pipe, `NO_COLOR`, `TERM=dumb`; 24-bit by `COLORTERM`), UTF-8 by the locale variables.
/// A pipe gets 80 columns unless `COLUMNS` says otherwise, and never colour.
LENSBENCH_API TerminalStyle detect_terminal(int fd);

/// Display text of a token id. Not trusted: control characters in it never reach the terminal.
using TokenText = std::function<std::string(std::int64_t id)>;

/// A dataset as text for a reader. The view follows from the variables it has: a logit lens, a
/// layer attribution, a token analysis, or else tables of everything that fits one. Ends with its
/// receipts. Every line is at most `columns` cells wide and ends in a newline.
/// \param name  under which it was saved; the heading
LENSBENCH_API std::string render_dataset(const std::string& name, const Dataset& dataset,
                                         const TokenText& token_text, const TerminalStyle& style);

/// Where a dataset stands among those of one run, smallest first: predictions by layer, then
/// contributions, then choices, then all else.
LENSBENCH_API int reading_order(const Dataset& dataset);

}  // namespace lensbench
