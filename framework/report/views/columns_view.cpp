#include <algorithm>

#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/plane.hpp"

namespace lensbench::terminal {
namespace {

constexpr std::size_t kMostRowsOfColumns = 50;
constexpr std::size_t kMostColumns = 8;
constexpr int kLeastOfTexts = 12;  ///< cells that a column of texts keeps in a narrow terminal

/// The dimension whose labels head the columns of one variable; empty if it has a single column.
std::string second_dim(const Variable& variable, const std::string& dim) {
  auto axes = axes_of(variable);
  std::erase(axes, dim);
  std::erase(axes, "token");
  return axes.empty() ? "" : axes.front();
}

/// Column of one index of the second dimension. A column has one number format of its own, because
/// variables of a table differ in magnitude.
Column column_at(const View& view, const Variable& variable, const Plane& plane, std::size_t index,
                 const std::vector<std::size_t>& rows) {
  const bool ids = variable.holds == Holds::token_ids;
  std::string header = name_with_unit(view, variable);
  if (!plane.columns.dim.empty()) header += " " + plane.columns.labels[index];
  std::vector<double> values;
  for (const std::size_t row : rows) values.push_back(plane.at(row, index));
  return {header, ids ? Align::left : Align::right,
          ids ? cells_of(view, variable, values) : column_of(values), ids ? 6 : 0};
}

/// Adds the columns of one variable. \return what is not shown, in words
std::string add_columns_of(std::vector<Column>& columns, const View& view, const Variable& variable,
                           const std::string& dim, const CaseRange& range,
                           const std::vector<std::size_t>& rows) {
  if (variable.is_text()) {
    columns.push_back({name_with_unit(view, variable), Align::left,
                       text_cells(view, variable, 0, std::ssize(rows)), kLeastOfTexts});
    return "";
  }
  const Plane plane = plane_of(view, variable, dim, second_dim(variable, dim), range);
  const std::size_t n = plane.columns.labels.size(), shown = std::min(n, kMostColumns);
  for (std::size_t i = 0; i < shown; ++i)
    columns.push_back(column_at(view, variable, plane, i, rows));
  std::string note;
  if (!plane.fixed.empty()) note = "at " + plane.fixed;
  if (shown < n)
    note += cat({note.empty() ? "" : "; ", std::to_string(shown), " of ", std::to_string(n), " (",
                 view.text(plane.columns.dim), ") are shown"});
  return note;
}

/// Key column, which each part of a split table repeats.
Column labels_column(const View& view, const std::string& dim, const CaseRange& range,
                     const std::vector<std::size_t>& rows) {
  const auto labels = axis_labels(view, dim, range);
  Column column{view.text(dim), Align::left, {}, 8};
  for (const std::size_t row : rows) column.cells.push_back(labels[row]);
  return column;
}

Lines columns_of_case(const View& view, const std::string& dim,
                      const std::vector<const Variable*>& variables, const CaseRange& range,
                      std::size_t most) {
  const auto n = static_cast<std::size_t>(view.dataset.dim(dim));
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < std::min(n, most); ++i) rows.push_back(i);
  Lines lines, notes;
  std::vector<Column> columns{labels_column(view, dim, range, rows)};
  for (const auto* variable : variables) {
    const std::string note = add_columns_of(columns, view, *variable, dim, range, rows);
    if (!note.empty()) say(notes, cat({view.text(variable->name), ": ", note, "."}), view.style);
  }
  append(lines, table(std::move(columns), 1, view.style));
  if (rows.size() < n)
    say(lines,
        cat({"Shown: the first ", std::to_string(rows.size()), " of ", std::to_string(n),
             " rows; the archive has all."}),
        view.style);
  append(lines, notes);
  return lines;
}

}  // namespace

/// Variables that share the rows of `dim` in one table; descriptions are before the table, because
/// they are too long for headers.
Lines columns_view(const View& view, const std::string& dim,
                   const std::vector<const Variable*>& variables) {
  std::vector<CaseRange> cases{{0, "", 0, 0}};
  for (const auto* variable : variables)
    // Cases apply as soon as one of the variables has tokens; the others are the same for all
    // cases.
    if (const auto own = cases_of(view, *variable); own.front().size() > 0) cases = own;
  Lines lines;
  for (const auto* variable : variables)
    if (!variable->long_name.empty())
      say(lines, view.text(variable->name) + ": " + view.text(variable->long_name), view.style);
  append(lines, draw_cases(view, cases, [&](const CaseRange& range, std::size_t) {
           return columns_of_case(view, dim, variables, range,
                                  std::min(kMostRowsOfColumns, lines_for_each(cases) - 4));
         }));
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
