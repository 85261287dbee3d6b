#include "report/terminal/table.hpp"

#include <algorithm>

#include "report/terminal/paint.hpp"

namespace lensbench::terminal {
namespace {

constexpr int kGap = 2;

/// Width at which no cell of a column is cut.
int natural_width(const Column& column) {
  int width = display_width(column.header);
  for (const auto& cell : column.cells) width = std::max(width, display_width(cell));
  return width;
}

/// Width of a line; a gap is between two columns, not at the end.
int total(const std::vector<int>& widths) {
  int sum = -kGap;
  for (const int width : widths) sum += width + kGap;
  return sum;
}

// Narrows columns to a total width of `limit`, each time the widest one by a cell, so that long
// texts lose cells before short ones. Columns of numbers have `least` 0 and stay whole: a cut
// number would be a false one. The width may remain above the limit.
void narrow(const std::vector<Column>& columns, std::vector<int>& widths, int limit) {
  while (total(widths) > limit) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (columns[i].least == 0 || widths[i] <= columns[i].least) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// Lines of one table that fits, or that has a single column too many.
std::vector<std::string> lay_out(const std::vector<Column>& columns, const std::vector<int>& widths,
                                 const TerminalStyle& style) {
  std::vector<std::string> lines;
  const std::size_t rows = columns.empty() ? 0 : columns.front().cells.size();
  const auto line_of = [&](auto text_of) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i)
      line += (i == 0 ? "" : "  ") +
              fit(text_of(columns[i]), widths[i], columns[i].align, style.unicode);
    // A table of one column that is still too wide is cut here.
    return shorten(trimmed(line), style.columns, style.unicode);
  };
  lines.push_back(faint(line_of([](const Column& c) { return c.header; }), style));
  for (std::size_t row = 0; row < rows; ++row)
    lines.push_back(line_of([row](const Column& c) { return c.cells.at(row); }));
  return lines;
}

}  // namespace

std::vector<std::string> table(std::vector<Column> columns, std::size_t keys,
                               const TerminalStyle& style) {
  std::vector<int> widths;
  for (const auto& column : columns) widths.push_back(natural_width(column));
  narrow(columns, widths, style.columns);

  std::vector<std::string> lines;
  // Each pass makes one table of as many columns as fit, and of at least one in addition to the
  // keys, so that the loop always ends.
  for (std::size_t next = keys; next < columns.size() || lines.empty();) {
    const auto n_keys = static_cast<std::ptrdiff_t>(std::min(keys, columns.size()));
    std::vector<Column> part(columns.begin(), columns.begin() + n_keys);
    std::vector<int> part_widths(widths.begin(), widths.begin() + n_keys);
    while (next < columns.size()) {
      part_widths.push_back(widths[next]);
      if (total(part_widths) > style.columns && part.size() > keys) {
        part_widths.pop_back();
        break;
      }
      part.push_back(columns[next++]);
    }
    if (!lines.empty()) lines.emplace_back();
    const auto part_lines = lay_out(part, part_widths, style);
    lines.insert(lines.end(), part_lines.begin(), part_lines.end());
  }
  return lines;
}

}  // namespace lensbench::terminal
