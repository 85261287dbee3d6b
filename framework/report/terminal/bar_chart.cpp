#include "report/terminal/bar_chart.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/terminal/paint.hpp"

namespace lensbench::terminal {
namespace {

/// Cells of a number with sign, two digits and three decimals.
constexpr int kNumber = 8;
constexpr int kWidestName = 16;

struct Layout {
  int name = 0, bar = 0;  // widths in cells
  double scale = 0;
};

/// The sign is written for both directions, since a bar without colour needs it.
std::string with_sign(double value) {
  const std::string digits = fixed(value, 3);
  return value >= 0 ? cat({"+", digits}) : digits;
}

/// Widths for all bars of a chart and one scale, so that bars of a chart can be compared by length.
/// Infinite values have no part in the scale.
Layout layout_of(const std::vector<Bar>& bars, const std::string& header, std::size_t n_further,
                 const TerminalStyle& style) {
  Layout layout{display_width(header), 0, 0};
  for (const Bar& bar : bars) {
    layout.name = std::max(layout.name, display_width(bar.name));
    layout.scale = std::max(layout.scale, std::isfinite(bar.value) ? std::abs(bar.value) : 0.0);
  }
  layout.name = std::min(layout.name, kWidestName);
  const int numbers = static_cast<int>(1 + n_further) * (kNumber + 1);
  // Bars take the rest of the line, within limits; the numbers are never cut for them.
  layout.bar = std::clamp(style.columns - layout.name - numbers - 2, 7, 61);
  return layout;
}

std::string header_line(const std::vector<std::string>& headers, const Layout& layout,
                        const TerminalStyle& style) {
  // The number of cells that `signed_bar` fills, which rounds an even width down.
  const int bar = 2 * std::max(1, (layout.bar - 1) / 2) + 1;
  std::string text = fit(headers[0], layout.name, Align::left, style.unicode) + " " +
                     fit(headers[1], kNumber, Align::right, style.unicode) + " " +
                     fit("", bar, Align::left);
  for (std::size_t i = 2; i < headers.size(); ++i)
    text += cat({" ", fit(headers[i], kNumber, Align::right, style.unicode)});
  // Without trailing blanks, so that texts of a pipe can be compared line by line.
  text.erase(text.find_last_not_of(' ') + 1);
  return faint(text, style);
}

std::string line_of(const Bar& bar, const Layout& layout, const TerminalStyle& style) {
  std::string text = fit(bar.name, layout.name, Align::left, style.unicode) + " " +
                     fit(with_sign(bar.value), kNumber, Align::right, style.unicode) + " " +
                     signed_bar(bar.value, layout.scale, layout.bar, style);
  for (const double value : bar.further) {
    // A missing value is blank: an ablation that was not measured differs from one without effect.
    const std::string shown = std::isnan(value) ? "" : with_sign(value);
    text += cat({" ", fit(shown, kNumber, Align::right, style.unicode)});
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

std::vector<Bar> largest(std::vector<Bar> bars, std::size_t most, BarOrder order) {
  std::vector<std::size_t> indices(bars.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  // Stable, so that equal values keep one order on every platform.
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(bars[a].value) > std::abs(bars[b].value);
  });
  indices.resize(std::min(indices.size(), most));
  // Order of the model (blocks from first to last) for the ones that remain.
  if (order == BarOrder::as_given) std::sort(indices.begin(), indices.end());
  std::vector<Bar> kept;
  for (const std::size_t index : indices) kept.push_back(std::move(bars[index]));
  return kept;
}

Lines bar_chart(const std::vector<Bar>& bars, const std::vector<std::string>& headers,
                const TerminalStyle& style) {
  const std::size_t n_further = bars.empty() ? 0 : bars.front().further.size();
  const Layout layout = layout_of(bars, headers.empty() ? "" : headers.front(), n_further, style);
  Lines lines;
  if (headers.size() > 1) lines.push_back(header_line(headers, layout, style));
  for (const Bar& bar : bars) lines.push_back(line_of(bar, layout, style));
  return lines;
}

}  // namespace lensbench::terminal
