#include "report/figure/axes.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/scene/text_width.hpp"

namespace lensbench::figure {
namespace {

constexpr double kShareOfWidth = 0.5;
/// Distance of the first and the last index from the ends of the plot.
constexpr double kInset = 5;

bool all_whole(const std::vector<double>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(),
                     [](double number) { return number == std::floor(number); });
}

/// Ranks have the best one, 1, at the top.
bool is_rank(const Drawing& drawing) {
  std::string_view name = drawing.request.variable;
  if (name.ends_with("_mean")) name.remove_suffix(5);
  return (name == "rank" || name.ends_with("_rank")) && drawing.request.against == nullptr;
}

void add_vertical_axis(Drawing& drawing, const PlotArea& area, const std::vector<double>& at,
                       const std::vector<std::string>& labels) {
  Path grid{.parts = {}, .stroke = kGridLine, .width = 0.5};
  Path marks{.parts = {{{area.left, area.top},
                        {area.left, area.top + area.height},
                        {area.left + area.width, area.top + area.height}}}};
  for (const double tick : at) {
    const double y = area.y(tick);
    grid.parts.push_back({{area.left, y}, {area.left + area.width, y}});
    marks.parts.push_back({{area.left - kTick, y}, {area.left, y}});
  }
  drawing.scene.add(std::move(grid));
  if (!area.up.log && area.up.low < 0 && area.up.high > 0)
    drawing.scene.add(
        straight(area.left, area.y(0), area.left + area.width, area.y(0), kFaint, 0.5));
  for (std::size_t i = 0; i < at.size(); ++i)
    drawing.scene.add(Text{.x = area.left - kTick - 1.5,
                           .y = area.y(at[i]) + kMiddle,
                           .text = labels[i],
                           .anchor = Anchor::end});
  drawing.scene.add(std::move(marks));
  drawing.scene.add(Text{.x = kMargin + kTextSize - 1,
                         .y = area.top + area.height / 2,
                         .text = cut_text(value_words(drawing), kTextSize, area.height + 24),
                         .anchor = Anchor::middle,
                         .upright = true});
}

struct HorizontalLabels {
  std::vector<std::pair<double, std::string>> shown;  ///< place and text
  bool upright = false;
  double extent = kLineHeight;
  std::string title;
};

/// Labels under the axis: those of the indices, or round numbers of a numeric coordinate.
/// \param longest  most points of an upright label
HorizontalLabels horizontal_labels(const PlotArea& area, const Axis& axis, double longest) {
  HorizontalLabels labels;
  if (!axis.is_text) {
    labels.title = words_of(axis.dim);
    const double widest = std::max(text_width(short_number(area.across.low), kTextSize),
                                   text_width(short_number(area.across.high), kTextSize));
    auto at =
        ticks(area.across, static_cast<std::size_t>(std::max(1.0, area.width / (widest + 8))));
    if (all_whole(axis.numbers))
      std::erase_if(at, [](double tick) { return tick != std::floor(tick); });
    if (axis.size() == 1) at = {axis.numbers.front()};
    const auto texts = tick_labels(at);
    for (std::size_t i = 0; i < at.size(); ++i)
      labels.shown.emplace_back(
          area.left + kInset + area.across.share(at[i]) * (area.width - 2 * kInset), texts[i]);
    return labels;
  }
  const double pitch = axis.size() > 1 ? area.x(1) - area.x(0) : area.width;
  const AxisLabels found = column_labels(axis, pitch, longest);
  for (const auto& [index, text] : found.shown) labels.shown.emplace_back(area.x(index), text);
  labels.upright = found.upright;
  labels.extent = found.extent;
  labels.title = found.title;
  return labels;
}

void add_horizontal_axis(Drawing& drawing, const PlotArea& area, const HorizontalLabels& labels) {
  const double y = area.top + area.height;
  Path marks{.parts = {}};
  for (const auto& [x, text] : labels.shown) {
    marks.parts.push_back({{x, y}, {x, y + kTick}});
    if (labels.upright)
      drawing.scene.add(Text{.x = x + kMiddle,
                             .y = y + kTick + 1.5,
                             .text = text,
                             .anchor = Anchor::end,
                             .upright = true});
    else
      drawing.scene.add(
          Text{.x = x, .y = y + kTick + 1 + kTextSize, .text = text, .anchor = Anchor::middle});
  }
  drawing.scene.add(std::move(marks));
  drawing.scene.add(Text{.x = area.left + area.width / 2,
                         .y = area.bottom - 2,
                         .text = labels.title,
                         .anchor = Anchor::middle});
}

}  // namespace

double PlotArea::x(std::size_t index) const {
  return left + kInset + across.share(places.at(index)) * (width - 2 * kInset);
}

double PlotArea::y(double value) const {
  const double share = std::clamp(up.share(value), 0.0, 1.0);
  return top + height * (downward ? share : 1 - share);
}

PlotArea add_axes(Drawing& drawing, const Axis& axis, const std::vector<double>& values,
                  double right) {
  PlotArea area;
  area.downward = is_rank(drawing);
  area.places = axis.numbers;
  if (axis.is_text)
    for (std::size_t i = 0; i < axis.size(); ++i) area.places[i] = static_cast<double>(i);
  area.across = scale_of(area.places, false);
  area.top = drawing.top + 3;
  const double room = drawing.scene.width - kMargin - kLineHeight - right;
  const double chosen = std::min(kShareOfWidth * room, 240.0);
  // Ticks depend on the height and labels under the axis on the width: both are nearly final after
  // the first pass.
  area.height = chosen;
  std::vector<double> at;
  HorizontalLabels labels;
  for (int pass = 0; pass < 2; ++pass) {
    const auto most = std::max<std::size_t>(2, static_cast<std::size_t>(area.height / 18));
    const Scale scale = value_scale(drawing, values);
    area.up = drawing.request.range ? scale : widened(scale, most);
    at = ticks(area.up, most);
    // The best rank is 1, so that 0 is not a rank.
    if (area.downward && !drawing.request.range && area.up.low < 1) {
      area.up.low = 1;
      std::erase_if(at, [](double tick) { return tick < 1; });
      if (at.empty() || at.front() != 1) at.insert(at.begin(), 1);
    }
    double widest = 0;
    for (const auto& label : tick_labels(at, area.up.log))
      widest = std::max(widest, text_width(label, kTextSize));
    area.left = kMargin + kLineHeight + widest + kTick + 2;
    area.width = drawing.scene.width - area.left - right - kMargin;
    if (area.width < 20)
      throw UsageError("--width: the labels leave no room for the plot; make the figure wider");
    labels = horizontal_labels(area, axis, longest_label(drawing));
    const double below = kTick + 1.5 + labels.extent + kLineHeight;
    area.height = plot_height(drawing, below + 3, chosen);
    area.bottom = area.top + area.height + below;
  }
  add_vertical_axis(drawing, area, at, tick_labels(at, area.up.log));
  add_horizontal_axis(drawing, area, labels);
  return area;
}

Colour readable(Colour colour) {
  while (contrast(colour, kPaper) < 4.5)
    for (std::uint8_t* part : {&colour.red, &colour.green, &colour.blue})
      *part = static_cast<std::uint8_t>(*part * 0.95);
  return colour;
}

}  // namespace lensbench::figure
