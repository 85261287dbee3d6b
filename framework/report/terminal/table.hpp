#pragma once

#include <string>
#include <vector>

#include "report/terminal/terminal.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::terminal {

struct Column {
  std::string header;
  Align align = Align::right;
  std::vector<std::string> cells;  ///< texts from `visible`, without escape sequences
  int least = 0;                   ///< smallest width in cells; 0: the column is never narrowed
};

/// Table with a header line and two spaces between columns. If it is wider than the terminal,
/// columns are narrowed first; columns that still do not fit follow in further tables, which repeat
/// the first `keys` columns.
std::vector<std::string> table(std::vector<Column> columns, std::size_t keys,
                               const TerminalStyle& style);

}  // namespace lensbench::terminal
