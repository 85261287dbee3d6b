#pragma once

#include <string>
#include <vector>

#include "report/terminal/terminal.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::terminal {

struct Column {
  std::string header;
  Align align = Align::right;
  std::vector<std::string> cells;  ///< as from `visible`; no escape sequences
  int least = 0;                   ///< cells it may be narrowed to; 0: never narrowed
};

/// Columns side by side, two spaces apart, under a header line. If they are wider than the
/// terminal, narrowable columns give way first; what still does not fit follows below in further
/// tables that repeat the first `keys` columns.
std::vector<std::string> table(std::vector<Column> columns, std::size_t keys,
                               const TerminalStyle& style);

}  // namespace lensbench::terminal
