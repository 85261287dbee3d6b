#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/axes.hpp"
#include "report/figure/map.hpp"
#include "report/figure/rows.hpp"
#include "report/figure/text_width.hpp"

namespace lensbench::figure {
namespace {

constexpr double kCap = 1.6;  ///< half the width of the end of a whisker

/// Both ends of the intervals, with the axes of the values.
std::pair<Slice, Slice> bounds_of(const Drawing& drawing) {
  const std::string name = interval_of(drawing.dataset, drawing.variable);
  if (name.empty())
    throw UsageError(drawing.request.variable + ": points need intervals, a variable '" +
                     drawing.request.variable +
                     "_interval' over 'bound' and the dimensions of the "
                     "values; use --kind bars or line");
  if (drawing.request.against != nullptr)
    throw UsageError(
        "--against: the interval of a difference is not known; use --kind bars or line");
  Slice low = slice_of(drawing, name);
  Slice high = low;
  fix(low, *low.find("bound"), 0);
  fix(high, *high.find("bound"), 1);
  return {low, high};
}

/// Estimates along an axis with an order, with upright whiskers.
void draw_upright(Drawing& drawing, const Slice& slice, const std::vector<double>& low,
                  const std::vector<double>& high) {
  const auto values = values_of(slice);
  std::vector<double> all = values;
  all.insert(all.end(), low.begin(), low.end());
  all.insert(all.end(), high.begin(), high.end());
  const PlotArea area = add_axes(drawing, slice.axes.front(), all, 2);
  const Colour colour = series_colour(0);
  Path whiskers{.parts = {}, .stroke = colour, .width = 0.8};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!area.can_show(high[i]) || std::isnan(low[i])) continue;
    const double x = area.x(i), y1 = area.y(low[i]), y2 = area.y(high[i]);
    whiskers.parts.push_back({{x, y1}, {x, y2}});
    whiskers.parts.push_back({{x - kCap, y1}, {x + kCap, y1}});
    whiskers.parts.push_back({{x - kCap, y2}, {x + kCap, y2}});
  }
  drawing.scene.add(std::move(whiskers));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (area.can_show(values[i])) drawing.scene.add(Dot{area.x(i), area.y(values[i]), 1.8, colour});
  end(drawing, area.bottom);
}

/// Estimates in rows, with level whiskers and a line at zero.
void draw_level(Drawing& drawing, const Slice& slice, const std::vector<double>& low,
                const std::vector<double>& high) {
  auto rows = rows_of(slice);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].low = low[i], rows[i].high = high[i];
  const RowArea area = add_rows(drawing, rows, title_of_rows(slice), {});
  if (!area.scale.log && area.scale.low < 0 && area.scale.high > 0)
    add_zero_line(drawing, area, area.x(0));
  const Colour colour = series_colour(0);
  Path whiskers{.parts = {}, .stroke = colour, .width = 0.8};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!can_show(high[i], area.scale.log) || std::isnan(low[i])) continue;
    const double y = area.y(i), x1 = area.x(low[i]), x2 = area.x(high[i]);
    whiskers.parts.push_back({{x1, y}, {x2, y}});
    whiskers.parts.push_back({{x1, y - kCap}, {x1, y + kCap}});
    whiskers.parts.push_back({{x2, y - kCap}, {x2, y + kCap}});
  }
  drawing.scene.add(std::move(whiskers));
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (can_show(rows[i].value, area.scale.log))
      drawing.scene.add(Dot{area.x(rows[i].value), area.y(i), 1.8, colour});
  end(drawing, area.bottom);
}

}  // namespace

void draw_points(Drawing& drawing) {
  constexpr std::size_t kMostPoints = 100;
  Slice slice = drawn_slice(drawing);
  auto [low, high] = bounds_of(drawing);
  for (Slice* part : {&slice, &low, &high}) reduce_to_rows(*part);
  if (slice.axes.empty())
    throw UsageError(drawing.request.variable + ": it is a single value; points need a dimension");
  begin(drawing, slice.fixed);
  const auto first = values_of(low), second = values_of(high);
  if (slice.axes.size() == 1 && is_ordered(drawing.dataset, slice.axes.front().dim))
    return draw_upright(drawing, slice, first, second);
  if (first.size() > kMostPoints)
    throw UsageError(drawing.request.variable + ": " + std::to_string(first.size()) +
                     " points are too many for a figure (at most " + std::to_string(kMostPoints) +
                     "); use --kind heatmap");
  draw_level(drawing, slice, first, second);
}

}  // namespace lensbench::figure
