#include <algorithm>
#include <cmath>

#include "report/terminal/paint.hpp"
#include "report/views/generic_views.hpp"
#include "report/views/plane.hpp"

namespace lensbench::terminal {
namespace {

constexpr int kWidestRowLabel = 14;
constexpr int kWidestColumnLabel = 8;
constexpr int kNarrowestCell = 3;

/// Smallest and largest finite value of a picture with their places.
struct Extremes {
  double least = INFINITY, most = -INFINITY;
  std::string least_at, most_at;
  bool any() const { return least <= most; }
  double size() const { return std::max(std::abs(least), std::abs(most)); }
};

/// Words for one cell: labels of both axes, and the position of a token, since texts repeat.
std::string place(const View& view, const Plane& plane, std::size_t row, std::size_t column) {
  const auto part = [&](const Axis& axis, std::size_t index) {
    const std::string& label = axis.labels[index];
    if (axis.positions.empty()) return cat({view.text(axis.dim), " ", label});
    return cat({"position ", axis.positions[index], " (", view.quoted(label), ")"});
  };
  return part(plane.rows, row) + ", " + part(plane.columns, column);
}

/// The first place wins among equal values. Infinite values would make all others one colour.
Extremes extremes_of(const View& view, const Plane& plane) {
  Extremes found;
  for (std::size_t row = 0; row < plane.rows.labels.size(); ++row)
    for (std::size_t column = 0; column < plane.columns.labels.size(); ++column) {
      const double value = plane.at(row, column);
      if (!std::isfinite(value)) continue;
      if (value < found.least)
        found.least = value, found.least_at = place(view, plane, row, column);
      if (value > found.most) found.most = value, found.most_at = place(view, plane, row, column);
    }
  return found;
}

/// Draws a plane as blocks of columns, each with its labels, and a number on colour in each cell.
class HeatMap {
 public:
  HeatMap(const View& view, const Variable& variable, Plane plane, Palette palette,
          std::size_t most_lines)
      : view_(view),
        style_(view.style),
        plane_(std::move(plane)),
        numeric_(variable.holds != Holds::token_ids),
        most_lines_(most_lines),
        cells_(cells_of(view, variable, plane_.values)),
        extremes_(extremes_of(view, plane_)),
        rows_(rows_to_draw(plane_.rows.labels.size(), std::max<std::size_t>(6, most_lines - 6))) {
    // A quantity with values below zero needs a scale around zero, whichever palette was asked for.
    signed_ = palette == Palette::around_zero || extremes_.least < 0;
    measure();
  }

  Lines write() const {
    Lines lines;
    const auto all = blocks();
    // If there are too many columns, the last tokens are shown (the prediction is at the end of a
    // text), but the first indices of any other dimension.
    const std::size_t shown = std::min(all.size(), most_blocks());
    const bool last = shows_last();
    const std::size_t first = last ? all.size() - shown : 0;
    if (!plane_.fixed.empty()) say(lines, "At " + plane_.fixed + ".", style_);
    if (last && first > 0) say_left_out(lines, all[first].first, "first");
    for (std::size_t b = first; b < first + shown; ++b) {
      if (b > first) lines.emplace_back();
      append(lines, block(all[b]));
    }
    if (!last && shown < all.size())
      say_left_out(lines, plane_.columns.labels.size() - all[shown].first, "last");
    if (rows_.size() < plane_.rows.labels.size())
      say(lines,
          cat({"Shown: ", std::to_string(rows_.size()), " of ",
               std::to_string(plane_.rows.labels.size()), " rows; the archive has all."}),
          style_);
    legend(lines);
    return lines;
  }

 private:
  using Span = std::pair<std::size_t, std::size_t>;

  bool shows_last() const { return plane_.columns.dim == "token"; }
  // A block has the rows, two lines of labels and a blank line.
  std::size_t most_blocks() const {
    return std::max<std::size_t>(1, most_lines_ / (rows_.size() + 3));
  }

  // Widths from the texts that are drawn: the cells of the selected rows, and labels up to a limit.
  void measure() {
    label_width_ = display_width(view_.text(plane_.rows.dim));
    for (const auto& label : plane_.rows.labels)
      label_width_ = std::max(label_width_, display_width(label));
    label_width_ = std::min(label_width_, kWidestRowLabel);
    for (std::size_t column = 0; column < plane_.columns.labels.size(); ++column) {
      int widest = std::min(display_width(plane_.columns.labels[column]), kWidestColumnLabel);
      for (const std::size_t row : rows_)
        widest = std::max(widest, display_width(cell(row, column)));
      widths_.push_back(std::max(widest, kNarrowestCell));
    }
  }

  const std::string& cell(std::size_t row, std::size_t column) const {
    return cells_[row * plane_.columns.labels.size() + column];
  }

  // Width of a column with its margin, or with a shade and a gap.
  int outer(std::size_t column) const { return widths_[column] + (style_.colour ? 2 : 3); }

  // Blocks of consecutive columns within `room` cells; a wider column is a block of its own.
  std::vector<Span> blocks_within(int room) const {
    std::vector<Span> spans;
    for (std::size_t begin = 0; begin < widths_.size();) {
      std::size_t end = begin;
      for (int used = 0; end < widths_.size(); ++end) {
        used += outer(end);
        if (used > room && end > begin) break;
      }
      spans.emplace_back(begin, end);
      begin = end;
    }
    return spans;
  }

  // Blocks of about equal width: as few as fit, then narrower as long as that does not add one.
  std::vector<Span> blocks() const {
    int room = style_.columns - label_width_ - 2;
    const std::size_t fewest = blocks_within(room).size();
    while (room > 1 && blocks_within(room - 1).size() == fewest) --room;
    return blocks_within(room);
  }

  // Colour of a value: its distance from zero by the largest magnitude, or its place in the range.
  // A constant picture has the colour of zero.
  double share(double value) const {
    if (signed_) return extremes_.size() > 0 ? value / extremes_.size() : 0;
    const double range = extremes_.most - extremes_.least;
    return range > 0 ? (value - extremes_.least) / range : 0;
  }

  std::string painted(std::size_t row, std::size_t column) const {
    const double value = plane_.at(row, column);
    const std::string text = fit(cell(row, column), widths_[column],
                                 numeric_ ? Align::right : Align::left, style_.unicode);
    // Token ids have no order that a colour could show.
    const bool blank = std::isnan(value) || !numeric_;
    if (style_.colour) {
      const std::string wide = " " + text + " ";
      if (blank) return wide;
      return signed_ ? on_signed(wide, share(value), style_)
                     : on_probability(wide, share(value), style_);
    }
    return text + (blank ? " " : shade(std::abs(share(value)), style_)) + "  ";
  }

  std::string line(const std::string& label, Span span, auto text_of) const {
    std::string text = fit(label, label_width_, Align::right, style_.unicode) + "  ";
    for (std::size_t column = span.first; column < span.second; ++column) text += text_of(column);
    if (!style_.colour) text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  std::string label_line(const std::string& title, Span span,
                         const std::vector<std::string>& labels) const {
    return line(title, span, [&](std::size_t column) {
      const std::string label = fit(labels[column], widths_[column],
                                    numeric_ ? Align::right : Align::left, style_.unicode);
      return style_.colour ? " " + label + " " : label + "   ";
    });
  }

  Lines block(Span span) const {
    Lines lines;
    if (const auto& positions = plane_.columns.positions; !positions.empty())
      lines.push_back(faint(label_line("at", span, positions), style_));
    lines.push_back(
        bold(label_line(view_.text(plane_.rows.dim), span, plane_.columns.labels), style_));
    for (const std::size_t row : rows_)
      lines.push_back(line(plane_.rows.labels[row], span,
                           [&](std::size_t column) { return painted(row, column); }));
    return lines;
  }

  void say_left_out(Lines& lines, std::size_t n, const std::string& which) const {
    say(lines,
        cat({"The ", which, " ", count(static_cast<std::int64_t>(n), "column"), " (",
             view_.text(plane_.columns.dim), ") ", n == 1 ? "is" : "are",
             " not shown; the archive has all."}),
        style_);
  }

  // Colours are relative to the picture, so that the legend must give both ends as numbers.
  void legend(Lines& lines) const {
    if (!numeric_) return;
    if (!extremes_.any()) return say(lines, "All values are missing (NaN).", style_);
    std::string text = cat({"Smallest ", number(extremes_.least), " at ", extremes_.least_at,
                            "; largest ", number(extremes_.most), " at ", extremes_.most_at, "."});
    if (style_.colour)
      text += signed_ ? " Blue: above zero; orange: below." : " Dark: small; bright: large.";
    else
      text += signed_ ? " The mark after a number is higher the farther it is from zero."
                      : " The mark after a number is higher the larger it is.";
    say(lines, text, style_);
  }

  const View& view_;
  const TerminalStyle& style_;
  Plane plane_;
  bool numeric_, signed_ = false;
  std::size_t most_lines_;
  std::vector<std::string> cells_;
  Extremes extremes_;
  std::vector<std::size_t> rows_;
  std::vector<int> widths_;
  int label_width_ = 0;
};

/// Most labels of a leading axis that get a picture each.
constexpr std::int64_t kMostPictures = 4;

/// Index of a leading axis of a few texts (methods, kinds) in a variable with two further axes; -1
/// without one.
std::int64_t axis_of_pictures(const View& view, const Variable& variable) {
  const auto axes = axes_of(variable);
  if (axes.size() != 3) return -1;
  const std::string& dim = axes.front();
  const Dataset& dataset = view.dataset;
  if (!dataset.contains(dim) || !dataset[dim].is_text()) return -1;
  if (dim == "token" || dataset.dim(dim) > kMostPictures) return -1;
  return std::find(variable.dims.begin(), variable.dims.end(), dim) - variable.dims.begin();
}

/// Part of a variable at one index of an axis.
Variable part_of(const Variable& variable, std::int64_t axis, std::int64_t index,
                 const std::string& label) {
  Variable part = variable;
  part.dims.erase(part.dims.begin() + axis);
  part.tensor = variable.tensor.select(axis, index);
  part.name += " " + label;
  return part;
}

}  // namespace

/// Tokens go across, as the text is read; the other dimension, mostly layers, goes down.
std::pair<std::string, std::string> map_axes(const Variable& variable) {
  auto axes = axes_of(variable);
  // A variable over cases and one further dimension is a map with a row per case.
  if (axes.size() < 2) axes = variable.dims;
  if (axes.size() < 2) return {};
  const auto token = std::find(axes.begin(), axes.end(), "token");
  if (token != axes.end()) {
    const std::string columns = *token;
    axes.erase(token);
    return {axes.front(), columns};
  }
  return {axes[0], axes[1]};
}

/// Queries down and keys across, the usual form of an attention pattern; further dimensions (block,
/// head) are fixed at their first index.
std::pair<std::string, std::string> attention_axes(const Variable& variable) {
  const auto axes = axes_of(variable);
  if (axes.size() < 2) return {};
  return {axes[axes.size() - 2], axes.back()};
}

Lines heatmap_view(const View& view, const Variable& variable,
                   const std::pair<std::string, std::string>& axes, Palette palette) {
  Lines lines;
  if (const std::int64_t axis = axis_of_pictures(view, variable); axis >= 0) {
    const auto labels = labels_of(view, variable.dims[static_cast<std::size_t>(axis)]);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (i > 0) lines.emplace_back();
      const Variable part = part_of(variable, axis, static_cast<std::int64_t>(i), labels[i]);
      append(lines, heatmap_view(view, part, map_axes(part), palette));
    }
    return lines;
  }
  const auto cases = cases_of(view, variable);
  head(lines, view, variable,
       cat({view.text(axes.first), " down, ", view.text(axes.second), " across"}));
  append(lines, draw_cases(view, cases, [&](const CaseRange& range, std::size_t) {
           Plane plane = plane_of(view, variable, axes.first, axes.second, range);
           return HeatMap(view, variable, std::move(plane), palette, lines_for_each(cases)).write();
         }));
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
