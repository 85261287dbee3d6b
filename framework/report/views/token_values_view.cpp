#include <algorithm>

#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/plane.hpp"

namespace lensbench::terminal {
namespace {

/// Position in the sequence; after cut rows it differs from the number of the row.
Column positions_of(const View& view, const CaseRange& range) {
  Column column{"at", Align::right, {}};
  for (const auto position : token_positions(view.dataset, range))
    column.cells.push_back(std::to_string(position));
  return column;
}

Column tokens_of(const View& view, const CaseRange& range) {
  Column column{"token", Align::left, {}, 8};
  for (const auto& text : token_texts(view.dataset, range))
    column.cells.push_back(shorten(view.token(text), 16, view.style.unicode));
  return column;
}

/// Values of a variable at every token, with its further dimensions at their first index.
Column values_of(const View& view, const Variable& variable, const CaseRange& range) {
  if (variable.is_text())
    return {name_with_unit(view, variable), Align::left,
            text_cells(view, variable, range.begin, range.size()), 8};
  const bool ids = variable.holds == Holds::token_ids;
  const Plane plane = plane_of(view, variable, "token", "", range);
  return {name_with_unit(view, variable), ids ? Align::left : Align::right,
          cells_of(view, variable, plane.values), ids ? 6 : 0};
}

/// The further dimensions at their first index, in words; texts have none.
std::string fixed_of(const View& view, const Variable& variable, const CaseRange& range) {
  return variable.is_text() ? "" : plane_of(view, variable, "token", "", range).fixed;
}

/// The fixed indices are equal for all cases, so that one case represents them.
void explain_values(Lines& lines, const View& view, const std::vector<const Variable*>& variables,
                    const CaseRange& range) {
  for (const auto* variable : variables) {
    const std::string fixed = fixed_of(view, *variable, range);
    if (variable->long_name.empty() && fixed.empty()) continue;
    std::string text = view.text(variable->name) + ": " + view.text(variable->long_name);
    if (!fixed.empty()) text += cat({variable->long_name.empty() ? "" : "; ", "at ", fixed});
    say(lines, text, view.style);
  }
}

}  // namespace

/// All variables over tokens share one table, so that values of a token are side by side.
Lines token_values_view(const View& view, const std::vector<const Variable*>& variables) {
  const auto cases = token_cases(view.dataset);
  // Heading, header and a blank line take three lines.
  const auto most = static_cast<std::int64_t>(lines_for_each(cases)) - 3;
  Lines lines;
  explain_values(lines, view, variables, cases.front());
  append(lines, draw_cases(view, cases, [&](CaseRange range, std::size_t) {
           Lines one = keep_last_rows(range, view.style, most);
           std::vector<Column> columns{positions_of(view, range), tokens_of(view, range)};
           for (const auto* variable : variables)
             columns.push_back(values_of(view, *variable, range));
           append(one, table(std::move(columns), 2, view.style));
           return one;
         }));
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
