#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/axes.hpp"
#include "report/figure/map.hpp"
#include "report/figure/rows.hpp"
#include "report/figure/scene/text_width.hpp"

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

/// Dots with level whiskers.
void add_estimates(Drawing& drawing, const RowArea& area, const std::vector<RowOfValue>& rows) {
  const Colour colour = series_colour(0);
  Path whiskers{.parts = {}, .stroke = colour, .width = 0.8};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RowOfValue& row = rows[i];
    if (!can_show(row.high, area.scale.log) || std::isnan(row.low)) continue;
    const double y = area.y(i), x1 = area.x(row.low), x2 = area.x(row.high);
    whiskers.parts.push_back({{x1, y}, {x2, y}});
    whiskers.parts.push_back({{x1, y - kCap}, {x1, y + kCap}});
    whiskers.parts.push_back({{x2, y - kCap}, {x2, y + kCap}});
  }
  drawing.scene.add(std::move(whiskers));
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (can_show(rows[i].value, area.scale.log))
      drawing.scene.add(Dot{area.x(rows[i].value), area.y(i), 1.8, colour});
}

/// Estimates in rows, with level whiskers and a line at zero.
void draw_level(Drawing& drawing, const Slice& slice, const std::vector<double>& low,
                const std::vector<double>& high) {
  auto rows = rows_of(slice);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].low = low[i], rows[i].high = high[i];
  const RowArea area = add_rows(drawing, rows, title_of_rows(slice), {});
  if (!area.scale.log && area.scale.low < 0 && area.scale.high > 0)
    add_zero_line(drawing, area, area.x(0));
  add_estimates(drawing, area, rows);
  end(drawing, area.bottom);
}

constexpr Colour kRandomBand{0xe6, 0xe6, 0xe6}, kShuffledBand{0xc4, 0xc4, 0xc4};

/// Scores of a variable at the metric that is drawn; empty without such a variable.
std::vector<double> scores_of(const Drawing& drawing, const std::string& name) {
  if (!drawing.dataset.contains(name) || drawing.dataset[name].dims != drawing.variable.dims)
    return {};
  Slice slice = slice_of(drawing, name);
  if (const auto metric = slice.find("metric")) fix(slice, *metric, 0);
  return values_of(slice);
}

/// What random scores or shuffled models get in each row.
struct Band {
  std::vector<double> low, high;

  bool has(std::size_t row, bool log) const {
    return row < std::min(low.size(), high.size()) && can_show(low[row], log) &&
           can_show(high[row], log);
  }
};

Band band_of(const Drawing& drawing, const std::string& control) {
  return {scores_of(drawing, control + "_low"), scores_of(drawing, control + "_high")};
}

/// \param upper  from the middle of a row to the upper end of the band
void add_control(Drawing& drawing, const RowArea& area, const std::vector<std::size_t>& kept,
                 const Band& band, double upper, Colour colour) {
  constexpr double kBandHeight = 3, kThinnest = 0.8;
  for (std::size_t row = 0; row < kept.size(); ++row) {
    if (!band.has(kept[row], area.scale.log)) continue;
    const double x1 = area.x(band.low[kept[row]]), x2 = area.x(band.high[kept[row]]);
    drawing.scene.add(
        Rect{x1, area.y(row) + upper, std::max(x2 - x1, kThinnest), kBandHeight, colour});
  }
}

/// Rows of grades that have a value, the best first.
std::vector<std::size_t> best_first(const Drawing& drawing, const std::vector<double>& values,
                                    const std::string& metric) {
  bool larger = true;
  const Dataset& dataset = drawing.dataset;
  if (dataset.contains("better") && dataset.contains("metric") && dataset["better"].is_text()) {
    const auto& names = dataset["metric"].strings;
    const auto at =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), metric) - names.begin());
    larger = at >= dataset["better"].strings.size() || dataset["better"].strings[at] != "smaller";
  }
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (can_show(values[i], drawing.request.log)) kept.push_back(i);
  std::stable_sort(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) {
    return larger ? values[a] > values[b] : values[a] < values[b];
  });
  return kept;
}

/// Scores of one metric with their intervals and the bands of two controls.
void draw_grades(Drawing& drawing, Slice slice) {
  std::string metric;
  if (const auto found = drawing.request.at.find("metric"); found != drawing.request.at.end())
    metric = found->second;
  if (const auto axis = slice.find("metric")) {
    metric = slice.axes[*axis].labels.front();
    fix(slice, *axis, 0);
  }
  if (slice.axes.empty()) throw UsageError("--at: a single score needs no figure; leave entry out");
  const bool log = drawing.request.log;
  const auto low = scores_of(drawing, "low"), high = scores_of(drawing, "high");
  const Band random = band_of(drawing, "random"), shuffled = band_of(drawing, "shuffled");
  const auto all = rows_of(slice);
  const auto kept = best_first(drawing, values_of(slice), metric);
  if (kept.empty())
    throw UsageError(drawing.request.variable + ": none of the entries has the metric '" + metric +
                     "'; choose another with --at metric=NAME");
  begin(drawing, slice.fixed + "; light band: random scores, dark band: shuffled models");
  std::vector<RowOfValue> rows, ends;
  rows.reserve(kept.size());
  ends.reserve(kept.size());
  for (const std::size_t i : kept) {
    RowOfValue row = all[i];
    if (can_show(low[i], log) && can_show(high[i], log)) row.low = low[i], row.high = high[i];
    rows.push_back(row);
    for (const Band* band : {&random, &shuffled})
      if (band->has(i, log)) {
        row.low = std::min(row.low, band->low[i]);
        row.high = std::max(row.high, band->high[i]);
      }
    ends.push_back(std::move(row));
  }
  const RowArea area = add_rows(drawing, ends, "", {});
  add_control(drawing, area, kept, random, -3.2, kRandomBand);
  add_control(drawing, area, kept, shuffled, 0.2, kShuffledBand);
  add_estimates(drawing, area, rows);
  end(drawing, area.bottom);
}

}  // namespace

void draw_points(Drawing& drawing) {
  constexpr std::size_t kMostPoints = 100;
  Slice slice = drawn_slice(drawing);
  if (has_grades(drawing.dataset, drawing.variable) && drawing.request.against == nullptr)
    return draw_grades(drawing, std::move(slice));
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
