#include "report/figure/rows.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/axes.hpp"
#include "report/figure/scene/text_width.hpp"

namespace lensbench::figure {
namespace {

constexpr double kStep = 9.4;

/// Names of the rows that are drawn: all of them, or every second, third … one where rows are lower
/// than a line of text.
AxisLabels names_of_rows(const std::vector<RowOfValue>& rows, double height, double longest) {
  const std::size_t every =
      label_step(rows.size(), static_cast<std::size_t>(std::max(1.0, height / (kTextSize + 0.6))));
  std::vector<std::string> names;
  names.reserve(rows.size());
  for (const RowOfValue& row : rows) names.push_back(row.label);
  names = cut_texts(names, kTextSize, longest);
  AxisLabels labels;
  for (std::size_t i = 0; i < rows.size(); i += every) {
    labels.extent = std::max(labels.extent, text_width(names[i], kTextSize));
    labels.shown.emplace_back(i, std::move(names[i]));
  }
  return labels;
}

/// Room for numbers on one side of the bars.
double number_room(const std::vector<RowOfValue>& rows, bool negative) {
  double room = 0;
  for (const RowOfValue& row : rows)
    if ((row.value < 0) == negative && !std::isnan(row.value))
      room = std::max(room, text_width(short_number(row.value), kTextSize) + 3);
  return room;
}

std::vector<double> values_of_rows(const std::vector<RowOfValue>& rows, const RowStyle& style,
                                   bool log) {
  std::vector<double> values;
  for (const RowOfValue& row : rows) {
    values.push_back(row.value);
    if (style.from_zero) continue;
    values.push_back(row.low);
    values.push_back(row.high);
  }
  if (style.from_zero && !log) values.push_back(0);
  return values;
}

}  // namespace

double RowArea::x(double value) const {
  return left + width * std::clamp(scale.share(value), 0.0, 1.0);
}

void reduce_to_rows(Slice& slice) {
  const auto fix_while = [&](auto suits, std::size_t most) {
    for (std::size_t i = slice.axes.size(); i-- > 0 && slice.axes.size() > most;)
      if (suits(slice.axes[i])) fix(slice, i, slice.axes[i].is_token ? slice.length(i) - 1 : 0);
  };
  fix_while([](const Axis& axis) { return numbers_cases(axis.dim); }, 1);
  fix_while([](const Axis& axis) { return axis.dim == "token"; }, 1);
  while (slice.axes.size() > 2) fix(slice, 0, 0);
}

std::vector<RowOfValue> rows_of(const Slice& slice) {
  const auto values = values_of(slice);
  std::vector<RowOfValue> rows;
  if (slice.axes.empty()) return rows;
  const Axis& last = slice.axes.back();
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::string label = last.labels[i % last.size()];
    if (slice.axes.size() == 2) label = slice.axes.front().labels[i / last.size()] + ", " + label;
    rows.push_back({label, values[i], values[i], values[i], 0});
  }
  return rows;
}

std::string title_of_rows(const Slice& slice) {
  std::string title;
  for (const Axis& axis : slice.axes) title += (title.empty() ? "" : ", ") + words_of(axis.dim);
  return title;
}

RowArea add_rows(Drawing& drawing, const std::vector<RowOfValue>& rows, const std::string& title,
                 const RowStyle& style) {
  RowArea area;
  const bool log = drawing.request.log;
  const double left_room = style.numbers ? number_room(rows, true) : 0;
  const double right_room = style.numbers ? number_room(rows, false) : 4;
  area.top = drawing.top + 1;
  const double below = kTick + 1.5 + 2 * kLineHeight;
  area.height = plot_height(drawing, below + 1, kStep * static_cast<double>(rows.size()));
  area.step = area.height / static_cast<double>(rows.size());
  area.bottom = area.top + area.height + below;
  const AxisLabels names = names_of_rows(rows, area.height, longest_label(drawing));
  area.left = kMargin + kLineHeight + names.extent + kTick + 2 + left_room;
  area.width = drawing.scene.width - area.left - right_room - kMargin;
  if (area.width < 20)
    throw UsageError("--width: the labels leave no room for the plot; make the figure wider");
  area.scale = value_scale(drawing, values_of_rows(rows, style, log));
  const auto most = static_cast<std::size_t>(std::max(2.0, area.width / 34));
  if (!drawing.request.range && !style.numbers) area.scale = widened(area.scale, most);
  const auto at = ticks(area.scale, most);
  const auto labels = tick_labels(at, area.scale.log);
  const double y = area.top + area.height;
  Path grid{.parts = {}, .stroke = kGridLine, .width = 0.5};
  Path marks{.parts = {{{area.left - left_room, y}, {area.left + area.width + right_room, y}}}};
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double x = area.x(at[i]);
    grid.parts.push_back({{x, area.top}, {x, y}});
    marks.parts.push_back({{x, y}, {x, y + kTick}});
  }
  drawing.scene.add(std::move(grid));
  drawing.scene.add(std::move(marks));
  for (std::size_t i = 0; i < at.size(); ++i)
    drawing.scene.add(Text{.x = area.x(at[i]),
                           .y = y + kTick + 1 + kTextSize,
                           .text = labels[i],
                           .anchor = Anchor::middle});
  for (const auto& [row, name] : names.shown)
    drawing.scene.add(Text{.x = area.left - left_room - 3,
                           .y = area.y(row) + kMiddle,
                           .text = name,
                           .anchor = Anchor::end});
  drawing.scene.add(
      Text{.x = area.left + area.width / 2,
           .y = area.bottom - 2,
           .text = cut_text(value_words(drawing), kTextSize, drawing.scene.width * 0.7),
           .anchor = Anchor::middle});
  drawing.scene.add(Text{.x = kMargin + kTextSize - 1,
                         .y = area.top + area.height / 2,
                         .text = cut_text(title, kTextSize, area.height + 16),
                         .anchor = Anchor::middle,
                         .upright = true});
  return area;
}

void add_zero_line(Drawing& drawing, const RowArea& area, double x) {
  drawing.scene.add(straight(x, area.top, x, area.top + area.height, kInk, 0.6));
}

}  // namespace lensbench::figure
