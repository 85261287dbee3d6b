#include <algorithm>
#include <cmath>

#include "report/terminal/bar_chart.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/plane.hpp"

namespace lensbench::terminal {
namespace {

constexpr std::size_t kMostBarsOfVariable = 30;

/// Dimensions that number the bars: all but `token` and those of cases; of more than two, the last
/// two, which vary fastest.
std::vector<std::string> bar_dims(const Variable& variable) {
  auto dims = axes_of(variable);
  if (dims.size() > 1) std::erase(dims, "token");
  if (dims.size() > 2) dims.erase(dims.begin(), dims.end() - 2);
  return dims;
}

std::string bar_header(const View& view, const std::vector<std::string>& dims) {
  std::string header;
  for (const auto& dim : dims) header += (header.empty() ? "" : ", ") + view.text(dim);
  return header;
}

/// One bar per element of the plane, named by its labels; NaN, such as a masked pair, has none.
std::vector<Bar> bars_of(const Plane& plane, bool two_dims) {
  std::vector<Bar> bars;
  for (std::size_t row = 0; row < plane.rows.labels.size(); ++row)
    for (std::size_t column = 0; column < plane.columns.labels.size(); ++column) {
      const double value = plane.at(row, column);
      if (std::isnan(value)) continue;
      std::string name = plane.rows.labels[row];
      if (two_dims) name += ", " + plane.columns.labels[column];
      bars.push_back({std::move(name), value, {}});
    }
  return bars;
}

Lines bars_of_case(const View& view, const Variable& variable, const CaseRange& range,
                   std::size_t most) {
  const auto dims = bar_dims(variable);
  const Plane plane =
      plane_of(view, variable, dims.front(), dims.size() > 1 ? dims.back() : "", range);
  const auto bars = bars_of(plane, dims.size() > 1);
  Lines lines;
  if (!plane.fixed.empty()) say(lines, "At " + plane.fixed + ":", view.style);
  if (bars.empty()) {
    say(lines, "All values are missing (NaN).", view.style);
    return lines;
  }
  append(lines, bar_chart(largest(bars, most, BarOrder::largest_first),
                          {bar_header(view, dims), "value"}, view.style));
  if (bars.size() > most)
    say(lines,
        count(std::ssize(bars) - static_cast<std::ptrdiff_t>(most), "smaller value") +
            " not shown; the archive has all.",
        view.style);
  return lines;
}

}  // namespace

/// Values by size: for contributions, the largest magnitudes answer the question, whatever their
/// sign.
Lines bars_view(const View& view, const Variable& variable) {
  const auto cases = cases_of(view, variable);
  // Heading, header, notes and blank lines take five of the lines of a case.
  const std::size_t most = std::min(kMostBarsOfVariable, lines_for_each(cases) - 5);
  Lines lines;
  head(lines, view, variable);
  append(lines, draw_cases(view, cases, [&](const CaseRange& range, std::size_t) {
           return bars_of_case(view, variable, range, most);
         }));
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
