#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <numeric>

#include "report/figure/map.hpp"
#include "report/figure/rows.hpp"
#include "report/figure/scene/text_width.hpp"

namespace lensbench::figure {
namespace {

constexpr std::size_t kMostBars = 40;

/// Keeps the values that are farthest from zero, in their order, and says so.
void keep_largest(Drawing& drawing, std::vector<RowOfValue>& rows) {
  if (rows.size() <= kMostBars) return;
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  const auto size = [&](std::size_t i) {
    return std::isnan(rows[i].value) ? -1 : std::abs(rows[i].value);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
  order.resize(kMostBars);
  std::vector<RowOfValue> kept;
  for (const std::size_t i : order) kept.push_back(rows[i]);
  drawing.notes.push_back("the " + std::to_string(kMostBars) + " values farthest from zero of " +
                          std::to_string(rows.size()) + " are drawn, the farthest first");
  rows = std::move(kept);
}

Colour colour_of_bar(const Request& request, double value) {
  const std::string palette = request.palette.empty() ? "purple-orange" : request.palette;
  if (is_diverging(palette)) return palette_colour(palette, value < 0 ? 0.15 : 0.85);
  return palette_colour(palette, value < 0 ? 0.65 : 0.3);
}

}  // namespace

/// Network order from the top; bars start at zero, or at the low end of a logarithmic scale.
void draw_bars(Drawing& drawing) {
  Slice slice = drawn_slice(drawing);
  reduce_to_rows(slice);
  auto rows = rows_of(slice);
  keep_largest(drawing, rows);
  begin(drawing, slice.fixed);
  const RowArea area =
      add_rows(drawing, rows, title_of_rows(slice), {.from_zero = true, .numbers = true});
  const double zero = area.x(drawing.request.log ? area.scale.low : 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double value = rows[i].value;
    const double middle = area.y(i), half = area.step * 0.36;
    if (!can_show(value, area.scale.log)) {
      drawing.scene.add(
          Text{.x = zero + 2, .y = middle + kMiddle, .text = "no value", .fill = kFaint});
      continue;
    }
    const double end_of_bar = area.x(value);
    drawing.scene.add(Rect{std::min(zero, end_of_bar), middle - half, std::abs(end_of_bar - zero),
                           2 * half, colour_of_bar(drawing.request, value)});
    const bool left = value < 0;
    drawing.scene.add(Text{.x = end_of_bar + (left ? -2 : 2),
                           .y = middle + kMiddle,
                           .text = short_number(value),
                           .anchor = left ? Anchor::end : Anchor::start});
  }
  add_zero_line(drawing, area, zero);
  end(drawing, area.bottom);
}

}  // namespace lensbench::figure
