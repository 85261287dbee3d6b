#pragma once

#include <lensbench/export.hpp>

namespace lensbench {

/// What the terminal that text goes to can show.
struct TerminalStyle {
  int columns = 80;          ///< cells a line may fill; taken for 60 where it is less
  bool colour = false;       ///< escape sequences for colour may be written
  bool unicode = true;       ///< UTF-8 is understood; else ASCII only
  bool true_colour = false;  ///< 24-bit colours; else the 256-colour palette
};

/// Reads the terminal at a file descriptor: its width (`COLUMNS`, then the window size), colour
/// (off for a pipe, `NO_COLOR`, `TERM=dumb`; 24-bit by `COLORTERM`), UTF-8 by the locale variables.
/// A pipe gets 80 columns unless `COLUMNS` says otherwise, and never colour.
LENSBENCH_API TerminalStyle detect_terminal(int fd);

}  // namespace lensbench
