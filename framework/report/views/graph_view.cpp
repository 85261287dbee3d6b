#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/plane.hpp"

// Edges of a graph as a list: a terminal cannot draw a graph of thousands of edges, but the few
// that matter have names.

namespace lensbench::terminal {
namespace {

constexpr std::size_t kMostEdges = 40;

/// Texts that name each edge: `source`, `target`, `slot`.
std::vector<const Variable*> names_along(const Dataset& dataset, const std::string& dim) {
  std::vector<const Variable*> names;
  for (const Variable& variable : dataset.variables())
    if (variable.coordinate && variable.is_text() && variable.dims == std::vector<std::string>{dim})
      names.push_back(&variable);
  return names;
}

/// Indices from the value of largest size to the smallest; missing values are last.
std::vector<std::size_t> by_size(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto size = [&](std::size_t i) { return std::isnan(values[i]) ? -1 : std::abs(values[i]); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
  return order;
}

Column text_column(const View& view, const std::string& header,
                   const std::vector<std::string>& texts, const std::vector<std::size_t>& rows) {
  Column column{view.text(header), Align::left, {}, 8};
  column.cells.reserve(rows.size());
  for (const std::size_t row : rows) column.cells.push_back(view.text(texts[row]));
  return column;
}

/// Columns that name an edge: coordinates, then texts that the tool shows with the graph; its
/// number where it has neither.
std::vector<Column> key_columns(const View& view, const std::string& dim,
                                const std::vector<const Variable*>& texts,
                                const std::vector<std::size_t>& rows) {
  std::vector<const Variable*> names = names_along(view.dataset, dim);
  names.insert(names.end(), texts.begin(), texts.end());
  std::vector<Column> columns;
  for (const Variable* name : names)
    columns.push_back(text_column(view, name->name, name->strings, rows));
  if (columns.empty()) columns.push_back(text_column(view, dim, labels_of(view, dim), rows));
  return columns;
}

}  // namespace

Lines graph_view(const View& view, const std::string& dim,
                 const std::vector<const Variable*>& variables) {
  const CaseRange none{0, "", 0, 0};
  std::vector<const Variable*> texts, numbers;
  std::vector<Plane> planes;
  Lines lines;
  for (const Variable* variable : variables) {
    std::string note;
    if (variable->is_text()) {
      texts.push_back(variable);
    } else {
      numbers.push_back(variable);
      planes.push_back(plane_of(view, *variable, dim, "", none));
      if (!planes.back().fixed.empty()) note = "at " + planes.back().fixed;
    }
    if (!variable->long_name.empty() || !note.empty()) head(lines, view, *variable, note);
  }
  std::vector<std::size_t> rows = by_size(planes.front().values);
  const std::size_t all = rows.size();
  rows.resize(std::min(all, kMostEdges));
  std::vector<Column> columns = key_columns(view, dim, texts, rows);
  const std::size_t keys = columns.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::vector<double> values;
    values.reserve(rows.size());
    for (const std::size_t row : rows) values.push_back(planes[i].at(row, 0));
    columns.push_back({name_with_unit(view, *numbers[i]), Align::right, column_of(values), 0});
  }
  append(lines, table(std::move(columns), keys, view.style));
  if (rows.size() < all)
    say(lines,
        cat({"Shown: the ", std::to_string(rows.size()), " of ", std::to_string(all),
             " with the largest size of ", view.text(numbers.front()->name),
             "; the archive has all."}),
        view.style);
  return lines;
}

}  // namespace lensbench::terminal
