#include "report/views/patch_map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/terminal/case_name.hpp"
#include "report/terminal/paint.hpp"

namespace lensbench::terminal {
namespace {

/// Cells between panels.
constexpr std::size_t kBetweenPanels = 3;
/// A small grid is enlarged up to this many cells and half lines.
constexpr std::size_t kEnlargedSide = 20;
/// A grid with more rows is reduced, so that it fits into a screen.
constexpr std::size_t kMostPanelRows = 64;
constexpr std::int64_t kMostGridSide = 65536;
constexpr std::size_t kMostSquares = std::size_t{1} << 20;

/// Whole number of a coordinate; -1 for a value that is not a row, a column or a picture.
std::int64_t index_of(double value) {
  return value >= 0 && value < static_cast<double>(kMostGridSide) ? static_cast<std::int64_t>(value)
                                                                  : -1;
}

PatchGrid grid_of(const std::vector<std::int64_t>& tokens, const Grid& rows, const Grid& columns) {
  PatchGrid grid;
  for (const std::int64_t token : tokens) {
    grid.rows = std::max(grid.rows, static_cast<std::size_t>(index_of(rows(token)) + 1));
    grid.columns = std::max(grid.columns, static_cast<std::size_t>(index_of(columns(token)) + 1));
  }
  // A damaged archive must not make the drawing use all memory.
  if (grid.rows * grid.columns > kMostSquares) grid.rows = grid.columns = 0;
  grid.token.assign(grid.rows * grid.columns, -1);
  for (const std::int64_t token : tokens) {
    const std::int64_t row = index_of(rows(token)), column = index_of(columns(token));
    if (row < 0 || column < 0 || grid.token.empty()) continue;
    grid.token[static_cast<std::size_t>(row) * grid.columns + static_cast<std::size_t>(column)] =
        token;
  }
  return grid;
}

/// Squares of a panel at the size in which they are drawn: `across` x `down` points.
struct Raster {
  std::size_t across = 0, down = 0;
  std::vector<double> shares;
  double at(std::size_t row, std::size_t column) const {
    return row < down ? shares[row * across + column] : std::numeric_limits<double>::quiet_NaN();
  }
};

double larger(double a, double b) {
  if (std::isnan(a)) return b;
  return std::isnan(b) ? a : std::max(a, b);
}

/// Number of squares, in both directions, that become one point.
std::size_t joined_squares(const PatchGrid& grid, std::size_t room) {
  const auto parts = [](std::size_t length, std::size_t most) {
    return most == 0 ? length : (length + most - 1) / most;
  };
  return std::max<std::size_t>({1, parts(grid.columns, room), parts(grid.rows, kMostPanelRows)});
}

Raster reduced(const PatchPanel& panel, std::size_t joined) {
  const PatchGrid& grid = *panel.grid;
  Raster raster;
  raster.across = (grid.columns + joined - 1) / joined;
  raster.down = (grid.rows + joined - 1) / joined;
  raster.shares.assign(raster.across * raster.down, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t row = 0; row < grid.rows; ++row)
    for (std::size_t column = 0; column < grid.columns; ++column) {
      double& share = raster.shares[row / joined * raster.across + column / joined];
      share = larger(share, panel.shares[row * grid.columns + column]);
    }
  return raster;
}

Raster enlarged(const Raster& small, std::size_t wide, std::size_t high) {
  Raster raster{small.across * wide, small.down * high, {}};
  raster.shares.reserve(raster.across * raster.down);
  for (std::size_t row = 0; row < raster.down; ++row)
    for (std::size_t column = 0; column < raster.across; ++column)
      raster.shares.push_back(small.at(row / high, column / wide));
  return raster;
}

/// Five levels of ink; a square without a value is blank.
std::string ink(double share, const TerminalStyle& style) {
  static constexpr const char* kUnicode[] = {"·", "░", "▒", "▓", "█"};
  static constexpr const char* kAscii[] = {".", ":", "+", "#", "@"};
  if (std::isnan(share)) return " ";
  const auto level = std::min<std::size_t>(4, static_cast<std::size_t>(5 * std::max(0.0, share)));
  return style.unicode ? kUnicode[level] : kAscii[level];
}

/// A panel as lines of `width` cells.
struct DrawnPanel {
  std::size_t width = 0, joined = 1;
  Lines lines;
};

/// Both squares of a character are painted, hence UTF-8 is needed in addition to colour.
bool draws_half_blocks(const TerminalStyle& style) {
  return style.colour && style.unicode;
}

DrawnPanel drawn(const PatchPanel& panel, const TerminalStyle& style) {
  const bool halves = draws_half_blocks(style);
  // Without half blocks, two cells next to each other are about a square.
  const std::size_t room = static_cast<std::size_t>(style.columns) / (halves ? 1 : 2);
  const std::size_t joined = joined_squares(*panel.grid, room);
  const Raster small = reduced(panel, joined);
  const std::size_t side = std::max<std::size_t>({1, small.across, small.down});
  const std::size_t factor =
      std::max<std::size_t>(1, std::min(kEnlargedSide, room * (halves ? 1 : 2)) / side);
  DrawnPanel out;
  out.joined = joined;
  const auto add_line = [&](auto cell_of) {
    std::string line;
    for (std::size_t column = 0; column < out.width; ++column) line += cell_of(column);
    out.lines.push_back(std::move(line));
  };
  if (halves) {
    const Raster raster = enlarged(small, factor, factor);
    out.width = raster.across;
    for (std::size_t row = 0; row < raster.down; row += 2)
      add_line([&](std::size_t column) {
        return half_blocks(raster.at(row, column), raster.at(row + 1, column), style);
      });
  } else {
    const std::size_t high = std::max<std::size_t>(1, factor / 2);
    const Raster raster = enlarged(small, 2 * high, high);
    out.width = raster.across;
    for (std::size_t row = 0; row < raster.down; ++row)
      add_line([&](std::size_t column) {
        const double share = raster.at(row, column);
        return on_probability(ink(share, style), share, style);
      });
  }
  return out;
}

/// Lines of panels `begin` to `end`, next to each other below their titles.
void add_row(Lines& lines, const std::vector<PatchPanel>& panels,
             const std::vector<DrawnPanel>& pictures, std::size_t begin, std::size_t end,
             const TerminalStyle& style) {
  const std::string between(kBetweenPanels, ' ');
  std::size_t most = 0;
  std::string titles;
  for (std::size_t i = begin; i < end; ++i) {
    most = std::max(most, pictures[i].lines.size());
    titles += (i > begin ? between : "") +
              fit(panels[i].title, static_cast<int>(pictures[i].width), Align::left, style.unicode);
  }
  titles.erase(titles.find_last_not_of(' ') + 1);
  lines.push_back(bold(titles, style));
  for (std::size_t row = 0; row < most; ++row) {
    std::string line;
    for (std::size_t i = begin; i < end; ++i) {
      const auto& own = pictures[i].lines;
      line += i > begin ? between : "";
      line += row < own.size() ? own[row] : std::string(pictures[i].width, ' ');
    }
    if (!style.colour) line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
}

}  // namespace

std::vector<PatchCase> patch_cases(const Dataset& dataset) {
  for (const char* name : {"row", "column"})
    if (!has(dataset, name, {"image_token"}) || dataset[name].is_text()) return {};
  const auto column_of_axis = [&](const char* name) {
    return has(dataset, name, {"image_token"}) && !dataset[name].is_text()
               ? Grid(dataset[name].tensor)
               : Grid();
  };
  const Grid rows = column_of_axis("row"), columns = column_of_axis("column"),
             images = column_of_axis("image"), numbers = column_of_axis("case");
  std::vector<PatchCase> cases;
  std::vector<std::int64_t> tokens;
  const std::int64_t n = dataset.dim("image_token");
  const auto case_at = [&](std::int64_t i) { return numbers.empty() ? 0.0 : numbers(i); };
  const auto image_at = [&](std::int64_t i) { return images.empty() ? 0.0 : images(i); };
  for (std::int64_t i = 0; i < n; ++i) {
    tokens.push_back(i);
    const bool case_ends = i + 1 == n || case_at(i + 1) != case_at(i);
    if (!case_ends && image_at(i + 1) == image_at(i)) continue;
    const auto number = static_cast<std::int64_t>(case_at(i));
    if (cases.empty() || cases.back().range.number != number)
      cases.push_back({{number, case_name(dataset, number), tokens.front(), 0}, {}});
    cases.back().range.end = i + 1;
    PatchGrid grid = grid_of(tokens, rows, columns);
    grid.picture = index_of(image_at(i));
    cases.back().grids.push_back(std::move(grid));
    tokens.clear();
  }
  return cases;
}

Lines patch_panels(const std::vector<PatchPanel>& panels, const TerminalStyle& style) {
  std::vector<DrawnPanel> pictures;
  pictures.reserve(panels.size());
  for (const PatchPanel& panel : panels) pictures.push_back(drawn(panel, style));
  Lines lines;
  for (std::size_t begin = 0; begin < panels.size();) {
    std::size_t end = begin, used = 0;
    for (; end < panels.size(); ++end) {
      used += (end > begin ? kBetweenPanels : 0) + pictures[end].width;
      if (end > begin && used > static_cast<std::size_t>(style.columns)) break;
    }
    if (begin > 0) lines.emplace_back();
    add_row(lines, panels, pictures, begin, end, style);
    begin = end;
  }
  std::size_t joined = 1;
  for (const DrawnPanel& picture : pictures) joined = std::max(joined, picture.joined);
  const std::string side = std::to_string(joined);
  if (joined > 1)
    say(lines,
        cat({"Squares are joined, up to ", side, " x ", side, ", and show their largest value."}),
        style);
  return lines;
}

}  // namespace lensbench::terminal
