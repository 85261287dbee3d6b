#include <algorithm>
#include <cmath>

#include "report/terminal/paint.hpp"
#include "report/terminal/table.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/plane.hpp"

namespace lensbench::terminal {
namespace {

constexpr std::size_t kMostSteps = 41;
constexpr int kMostBarCells = 41;

/// Dimension along which the curve goes: depth or steps if there is one, else the first that is not
/// a token or a rank.
std::string steps_dim(const Variable& variable) {
  const auto axes = axes_of(variable);
  for (const auto& dim : axes)
    if (dim == "layer" || dim == "block" || dim == "step") return dim;
  for (const auto& dim : axes)
    if (dim != "token" && dim != "rank") return dim;
  return axes.empty() ? "" : axes.front();
}

/// Curve of one case: a bar for each step, or a sparkline where bars would take too many lines.
class Curve {
 public:
  Curve(const View& view, const Variable& variable, const CaseRange& range, std::size_t most_lines)
      : view_(view),
        style_(view.style),
        plane_(plane_of(view, variable, steps_dim(variable), "", range)),
        cells_(cells_of(view, variable, plane_.values)),
        most_lines_(most_lines) {
    for (const double value : plane_.values) {
      if (!std::isfinite(value)) continue;
      least_ = std::min(least_, value), most_ = std::max(most_, value);
    }
  }

  Lines write() const {
    Lines lines;
    if (!plane_.fixed.empty()) say(lines, "At " + plane_.fixed + ":", style_);
    if (least_ > most_) {
      say(lines, "All values are missing (NaN).", style_);
      return lines;
    }
    const std::size_t n = plane_.rows.labels.size();
    // Heading, label and extremes take three lines.
    if (n + 3 <= most_lines_)
      bars(lines);
    else
      spark(lines);
    extremes(lines);
    return lines;
  }

 private:
  void bars(Lines& lines) const {
    int label = display_width(view_.text(plane_.rows.dim)), cell = 0;
    for (const auto& text : plane_.rows.labels) label = std::max(label, display_width(text));
    for (const auto& text : cells_) cell = std::max(cell, display_width(text));
    label = std::min(label, 16);
    lines.push_back(
        bold(fit(view_.text(plane_.rows.dim), label, Align::right, style_.unicode), style_));
    const int room = std::min(kMostBarCells, style_.columns - label - cell - 4);
    for (std::size_t i = 0; i < plane_.values.size(); ++i) {
      std::string line = fit(plane_.rows.labels[i], label, Align::right, style_.unicode) + "  " +
                         fit(cells_[i], cell, Align::right) + "  " + bar(plane_.values[i], room);
      line.erase(line.find_last_not_of(' ') + 1);
      lines.push_back(std::move(line));
    }
  }

  // Bars have two sides only if a value is below zero.
  std::string bar(double value, int room) const {
    if (std::isnan(value)) return "";
    const double scale = std::max(std::abs(least_), std::abs(most_));
    return least_ < 0 ? signed_bar(value, scale, room, style_)
                      : amount_bar(value, scale, room, style_);
  }

  void spark(Lines& lines) const {
    std::vector<double> heights;
    const std::size_t most =
        std::min<std::size_t>(kMostSteps, static_cast<std::size_t>(style_.columns));
    for (const std::size_t i : rows_to_draw(plane_.values.size(), most))
      // Heights begin at zero; values below zero shift the curve, so that its smallest value has
      // height 0.
      heights.push_back(plane_.values[i] - std::min(0.0, least_));
    lines.push_back(sparkline(heights, most_ - std::min(0.0, least_), style_));
    if (heights.size() < plane_.values.size())
      say(lines,
          cat({"Drawn: ", std::to_string(heights.size()), " of ",
               std::to_string(plane_.values.size()), " values; the archive has all."}),
          style_);
  }

  std::string place(std::size_t i) const {
    return cat({number(plane_.values[i]), " at ", view_.text(plane_.rows.dim), " ",
                plane_.rows.labels[i]});
  }

  // The ends and extremes as numbers, since a curve of 41 steps or a sparkline does not show every
  // value.
  void extremes(Lines& lines) const {
    const auto& values = plane_.values;
    const auto find = [&](double value) {
      return static_cast<std::size_t>(std::find(values.begin(), values.end(), value) -
                                      values.begin());
    };
    say(lines,
        cat({"First ", place(0), ", last ", place(values.size() - 1), "; smallest ",
             place(find(least_)), ", largest ", place(find(most_)), "."}),
        style_);
  }

  const View& view_;
  const TerminalStyle& style_;
  Plane plane_;
  std::vector<std::string> cells_;
  std::size_t most_lines_;
  double least_ = INFINITY, most_ = -INFINITY;
};

}  // namespace

Lines trajectory_view(const View& view, const Variable& variable) {
  const auto cases = cases_of(view, variable);
  Lines lines;
  head(lines, view, variable);
  append(lines, draw_cases(view, cases, [&](const CaseRange& range, std::size_t) {
           return Curve(view, variable, range, lines_for_each(cases)).write();
         }));
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
