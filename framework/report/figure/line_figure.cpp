#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/axes.hpp"
#include "report/figure/map.hpp"
#include "report/figure/scene/text_width.hpp"

namespace lensbench::figure {
namespace {

/// Names of lines are bold, which widens texts of DejaVu Sans by a tenth to a fifth.
constexpr double kBoldName = 1.2;

/// Most points of the name of a line: longer ones would leave the lines too little room.
double longest_name(const Drawing& drawing) {
  return 0.3 * drawing.scene.width;
}

double name_width(const std::string& name) {
  return kBoldName * text_width(name, kTextSize);
}

/// The axis along which lines run: layers, else another one with an order, else the first.
std::size_t axis_of_lines(const Drawing& drawing, const Slice& slice) {
  const auto first_that = [&](auto suits) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < slice.axes.size(); ++i)
      if (suits(slice.axes[i])) return i;
    return std::nullopt;
  };
  if (const auto layer = first_that([](const Axis& a) { return is_layer(a.dim); })) return *layer;
  const auto ordered = first_that([&](const Axis& axis) {
    return !axis.is_token && axis.dim != "rank" && is_ordered(drawing.dataset, axis.dim);
  });
  if (ordered) return *ordered;
  const auto token = first_that([](const Axis& axis) { return axis.is_token; });
  return token.value_or(slice.axes.size() - 1);
}

/// The axis whose indices are lines of their own: the first of texts, else tokens, else any other
/// than that of cases and ranks, else the first.
std::size_t axis_of_series(const Slice& slice, std::size_t along) {
  std::size_t best = along == 0 ? 1 : 0;
  int best_rank = -1;
  for (std::size_t i = 0; i < slice.axes.size(); ++i) {
    if (i == along) continue;
    const Axis& axis = slice.axes[i];
    const int rank = axis.is_token                                   ? 2
                     : axis.is_text                                  ? 3
                     : numbers_cases(axis.dim) || axis.dim == "rank" ? 0
                                                                     : 1;
    if (rank > best_rank) best = i, best_rank = rank;
  }
  return best;
}

/// Keeps an axis (and that of series) and fixes all others.
Slice reduced(Slice slice, const std::string& along, const std::string& series) {
  for (std::size_t i = slice.axes.size(); i-- > 0;) {
    const Axis& axis = slice.axes[i];
    if (axis.dim == along || axis.dim == series) continue;
    fix(slice, i, axis.is_token ? axis.size() - 1 : 0);
  }
  if (slice.axes.size() == 2 && slice.axes[0].dim == along) transpose(slice);
  return slice;
}

/// Labels of lines; tokens that occur twice have their position too.
std::vector<std::string> series_labels(const Axis& axis, bool with_dim) {
  std::vector<std::string> labels = axis.labels;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool repeats = std::count(axis.labels.begin(), axis.labels.end(), axis.labels[i]) > 1;
    if (axis.is_token && repeats) labels[i] += " (" + decimal(axis.numbers[i], 0) + ")";
    if (with_dim) labels[i] = words_of(axis.dim) + " " + labels[i];
  }
  return labels;
}

struct Series {
  std::string label;
  std::vector<double> values, low, high;
};

void keep_eight(Drawing& drawing, const Axis& axis, std::vector<Series>& series) {
  if (series.size() <= kMostSeries) return;
  const auto n = std::to_string(series.size());
  const auto cut = static_cast<std::ptrdiff_t>(series.size() - kMostSeries);
  if (axis.is_token)
    series.erase(series.begin(), series.begin() + cut);
  else
    series.erase(series.end() - cut, series.end());
  drawing.notes.push_back(std::string(axis.is_token ? "the last " : "the first ") +
                          std::to_string(kMostSeries) + " of " + n + " lines are drawn (" +
                          words_of(axis.dim) + ")" +
                          (axis.is_token ? "; choose others with --tokens A:B" : ""));
}

/// Lines of the request, with the ends of their intervals where the dataset has them.
std::vector<Series> series_of(Drawing& drawing, const Slice& slice) {
  std::vector<double> low, high;
  const std::string name = interval_of(drawing.dataset, drawing.variable);
  if (!name.empty() && drawing.request.against == nullptr) {
    Slice bounds = slice_of(drawing, name);
    Slice upper = bounds;
    fix(bounds, *bounds.find("bound"), 0);
    fix(upper, *upper.find("bound"), 1);
    const bool two = slice.axes.size() == 2;
    const std::string along = slice.axes.back().dim, across = two ? slice.axes.front().dim : "";
    low = values_of(reduced(bounds, along, across));
    high = values_of(reduced(upper, along, across));
  }
  const auto values = values_of(slice);
  const std::size_t n = slice.axes.back().size();
  std::vector<Series> series(slice.axes.size() == 2 ? slice.axes.front().size() : 1);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const auto part = [&](const std::vector<double>& all) {
      if (all.empty()) return all;
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(i * n);
      return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(n));
    };
    series[i] = {"", part(values), part(low), part(high)};
  }
  if (slice.axes.size() == 2) {
    const auto labels = series_labels(slice.axes.front(),
                                      !slice.axes.front().is_token && !slice.axes.front().is_text);
    for (std::size_t i = 0; i < series.size(); ++i) series[i].label = labels[i];
    keep_eight(drawing, slice.axes.front(), series);
  }
  return series;
}

void add_band(Drawing& drawing, const PlotArea& area, const Series& series, Colour colour) {
  if (series.low.empty()) return;
  Path band{.parts = {{}}, .stroke = std::nullopt, .fill = colour, .opacity = 0.2};
  auto& outline = band.parts.front();
  for (std::size_t i = 0; i < series.high.size(); ++i)
    if (area.can_show(series.high[i])) outline.emplace_back(area.x(i), area.y(series.high[i]));
  for (std::size_t i = series.low.size(); i-- > 0;)
    if (area.can_show(series.low[i])) outline.emplace_back(area.x(i), area.y(series.low[i]));
  if (outline.size() > 2) drawing.scene.add(std::move(band));
}

/// A line with a dot at each value; a missing value interrupts it.
void add_line(Drawing& drawing, const PlotArea& area, const Series& series, Colour colour) {
  Path line{.parts = {}, .stroke = colour, .width = 1.1};
  bool connected = false;
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    if (!area.can_show(series.values[i])) {
      connected = false;
      continue;
    }
    if (!connected) line.parts.emplace_back();
    line.parts.back().emplace_back(area.x(i), area.y(series.values[i]));
    connected = true;
  }
  constexpr std::size_t kMostDots = 40;
  const bool dots = series.values.size() <= kMostDots;
  const auto parts = line.parts;
  drawing.scene.add(std::move(line));
  for (const auto& part : parts)
    if (dots || part.size() == 1)
      for (const auto& [x, y] : part) drawing.scene.add(Dot{x, y, 1.5, colour});
}

/// Names of the lines at their ends, moved apart where they would overlap.
void label_lines(Drawing& drawing, const PlotArea& area, const std::vector<Series>& series) {
  struct Label {
    double y;
    std::size_t number;
  };
  std::vector<Label> labels;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const auto& values = series[i].values;
    const auto last =
        std::find_if(values.rbegin(), values.rend(), [&](double v) { return area.can_show(v); });
    if (last != values.rend()) labels.push_back({area.y(*last), i});
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.y < b.y; });
  // Downwards first, then back up from the lower end, so that all stay within the plot.
  for (std::size_t i = 1; i < labels.size(); ++i)
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + kLineHeight - 0.6);
  double lowest = area.top + area.height;
  for (std::size_t i = labels.size(); i-- > 0;) {
    labels[i].y = std::min(labels[i].y, lowest);
    lowest = labels[i].y - (kLineHeight - 0.6);
  }
  const double x = area.left + area.width + 5;
  for (const Label& label : labels)
    drawing.scene.add(Text{.x = x,
                           .y = label.y + kMiddle,
                           .text = series[label.number].label,
                           .fill = readable(series_colour(label.number)),
                           .bold = true});
}

void cut_names(std::vector<Series>& series, double longest) {
  std::vector<std::string> names;
  names.reserve(series.size());
  for (const Series& one : series) names.push_back(one.label);
  names = cut_texts(names, kTextSize, longest / kBoldName);
  for (std::size_t i = 0; i < series.size(); ++i) series[i].label = std::move(names[i]);
}

std::vector<double> all_of(const std::vector<Series>& series) {
  std::vector<double> values;
  for (const Series& one : series)
    for (const auto* part : {&one.values, &one.low, &one.high})
      values.insert(values.end(), part->begin(), part->end());
  return values;
}

}  // namespace

void draw_lines(Drawing& drawing, bool several) {
  Slice slice = drawn_slice(drawing);
  if (slice.axes.empty())
    throw UsageError(drawing.request.variable + ": it is a single value; a line needs a dimension");
  if (several && slice.axes.size() < 2)
    throw UsageError(drawing.request.variable + ": it has one dimension; use --kind line");
  const std::size_t along = axis_of_lines(drawing, slice);
  const std::string series_dim = several ? slice.axes[axis_of_series(slice, along)].dim : "";
  slice = reduced(slice, std::string(slice.axes[along].dim), series_dim);
  auto series = series_of(drawing, slice);
  begin(drawing, slice.fixed);
  cut_names(series, longest_name(drawing));
  double right = 2;
  if (series.size() > 1)
    for (const Series& one : series) right = std::max(right, name_width(one.label) + 6);
  const PlotArea area = add_axes(drawing, slice.axes.back(), all_of(series), right);
  for (std::size_t i = 0; i < series.size(); ++i)
    add_band(drawing, area, series[i], series_colour(i));
  for (std::size_t i = 0; i < series.size(); ++i)
    add_line(drawing, area, series[i], series_colour(i));
  if (series.size() > 1) label_lines(drawing, area, series);
  end(drawing, area.bottom);
}

}  // namespace lensbench::figure
