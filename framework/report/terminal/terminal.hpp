#pragma once

namespace lensbench {

/// Capabilities of a terminal.
struct TerminalStyle {
  int columns = 80;          ///< width in cells; smaller widths than 60 count as 60
  bool colour = false;       ///< whether colour escape sequences are supported
  bool unicode = true;       ///< whether UTF-8 is supported; otherwise ASCII is used
  bool true_colour = false;  ///< whether 24-bit colour is supported; otherwise 256 colours are used
};

/// Detects the capabilities of the terminal at a file descriptor: width (`COLUMNS`, then the window
/// size), colour (off for a pipe, `NO_COLOR`, `TERM=dumb`; 24-bit by `COLORTERM`), and UTF-8 by the
/// locale variables. A pipe has 80 columns unless `COLUMNS` is set, and never colour.
TerminalStyle detect_terminal(int fd);

}  // namespace lensbench
