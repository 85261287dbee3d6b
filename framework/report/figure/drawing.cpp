#include "report/figure/drawing.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/scene/text_width.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::figure {
namespace {

constexpr const char* kFamilies =
    "Helvetica, Arial, Liberation Sans, Nimbus Sans, DejaVu Sans, sans-serif";
constexpr double kLeastPlot = 20;
/// Width of bold letters over that of regular ones in DejaVu Sans, the widest of these families:
/// the mean over English sentences.
constexpr double kBold = 1.14;
/// Room above and below an upright text, by which neighbours do not touch.
constexpr double kPitch = 7.4;
constexpr double kBarWidth = 6, kBarGap = 6, kTickGap = 2.5;

/// Lines of at most `width` points, broken between words, at most `most` of them.
std::vector<std::string> wrapped(const std::string& text, double width, std::size_t most) {
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t blank = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, blank - at);
    at = blank + 1;
    const std::string longer = line.empty() ? word : line + " " + word;
    if (line.empty() || text_width(longer, kTextSize) <= width) {
      line = longer;
      continue;
    }
    if (lines.size() + 1 == most) {
      // The last line ends in the mark of a cut text.
      lines.push_back(cut_text(line + " " + text.substr(at - word.size() - 1), kTextSize, width));
      return lines;
    }
    lines.push_back(line);
    line = word;
  }
  if (!line.empty()) lines.push_back(cut_text(line, kTextSize, width));
  return lines;
}

std::string capital(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z' &&
      (text.size() < 2 || (text[1] >= 'a' && text[1] <= 'z')))
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

/// A description without the reason of missing values, `(NaN: first token)`.
std::string without_reason(std::string text) {
  const auto begin = text.find(" (NaN:");
  if (begin == std::string::npos) return text;
  const auto end = text.find(')', begin);
  return text.erase(begin, end == std::string::npos ? end : end + 1 - begin);
}

std::string title_of(const Drawing& drawing) {
  const std::string described =
      terminal::visible(drawing.variable.long_name, terminal::Blanks::kept);
  std::string title =
      capital(described.empty() ? words_of(drawing.variable.name) : without_reason(described));
  if (drawing.request.against != nullptr)
    title += ", minus that of " +
             terminal::visible(drawing.request.against_name, terminal::Blanks::kept);
  return title;
}

std::string subtitle_of(const Drawing& drawing, const std::string& fixed) {
  std::string line;
  if (!drawing.request.case_id.empty())
    line = "case " + terminal::visible(drawing.request.case_id, terminal::Blanks::kept);
  if (!fixed.empty()) line += (line.empty() ? "" : "; ") + fixed;
  return line;
}

std::size_t bar_ticks(double height) {
  return std::clamp<std::size_t>(static_cast<std::size_t>(height / 13), 3, 6);
}

double widest(const Axis& axis) {
  double width = 0;
  for (const auto& label : axis.labels) width = std::max(width, text_width(label, kTextSize));
  return width;
}

/// Longest text of a token: a longer one would take the room of the plot for itself alone.
constexpr double kLongestToken = 75;

/// Cuts the texts and measures the widest one.
void fit_shown(AxisLabels& labels, double longest) {
  std::vector<std::string> texts;
  texts.reserve(labels.shown.size());
  for (const auto& [index, text] : labels.shown) texts.push_back(text);
  texts = cut_texts(texts, kTextSize, longest);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    labels.extent = std::max(labels.extent, text_width(texts[i], kTextSize));
    labels.shown[i].second = std::move(texts[i]);
  }
}

AxisLabels all_labels(const Axis& axis, double longest) {
  if (axis.is_token) longest = std::min(longest, kLongestToken);
  AxisLabels labels;
  for (std::size_t i = 0; i < axis.size(); ++i) labels.shown.emplace_back(i, axis.labels[i]);
  fit_shown(labels, longest);
  labels.title = words_of(axis.dim);
  return labels;
}

/// Numbers of an axis at round distances, in place of texts that have no room.
AxisLabels thinned(const Axis& axis, std::size_t most, double longest) {
  AxisLabels labels;
  const std::size_t step = label_step(axis.size(), most);
  for (std::size_t i = 0; i < axis.size(); ++i) {
    const double number = axis.is_text && !axis.is_token ? static_cast<double>(i) : axis.numbers[i];
    if (step > 1 && std::fmod(number, static_cast<double>(step)) != 0) continue;
    labels.shown.emplace_back(i, axis.is_token ? decimal(axis.numbers[i], 0) : axis.labels[i]);
  }
  // Numbers at other distances than 1 may all miss the round ones.
  if (labels.shown.empty()) labels.shown.emplace_back(0, axis.labels[0]);
  fit_shown(labels, longest);
  labels.title = axis.is_token ? "position" : words_of(axis.dim);
  return labels;
}

}  // namespace

std::string font_families(const std::string& font) {
  if (font.empty()) return kFamilies;
  const bool plain = std::all_of(font.begin(), font.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == ' ' || c == '-' || c >= 0x80;
  });
  if (!plain)
    throw UsageError("--font: '" + font +
                     "' is not the name of one family of fonts, which has "
                     "letters, digits, blanks and '-'");
  return font + ", " + kFamilies;
}

void begin(Drawing& drawing, const std::string& fixed) {
  Scene& scene = drawing.scene;
  scene.width = drawing.request.width_mm * kPointsPerMm;
  scene.font = font_families(drawing.request.font);
  scene.title = title_of(drawing);
  drawing.top = kMargin;
  if (!drawing.request.title) return;
  const double width = scene.width - 2 * kMargin;
  for (const auto& line : wrapped(scene.title, width / kBold, 2)) {
    drawing.top += kLineHeight;
    scene.add(Text{.x = kMargin, .y = drawing.top - 2, .text = line, .bold = true});
  }
  for (const auto& line : wrapped(subtitle_of(drawing, fixed), width, 2)) {
    drawing.top += kLineHeight;
    scene.add(Text{.x = kMargin, .y = drawing.top - 2, .text = line, .fill = kFaint});
  }
  drawing.top += 3;
}

double plot_height(const Drawing& drawing, double below, double chosen) {
  if (!drawing.request.height_mm) return chosen;
  const double left = *drawing.request.height_mm * kPointsPerMm - drawing.top - below - kMargin;
  if (left < kLeastPlot)
    throw UsageError(
        "--height: " + decimal(*drawing.request.height_mm, 2) + " mm are too low; titles and " +
        "labels need " +
        decimal(std::ceil((drawing.top + below + kMargin + kLeastPlot) / kPointsPerMm), 0) +
        " mm with the smallest plot");
  return left;
}

void end(Drawing& drawing, double bottom) {
  drawing.scene.height =
      drawing.request.height_mm ? *drawing.request.height_mm * kPointsPerMm : bottom + kMargin;
}

std::string value_words(const Drawing& drawing) {
  const Variable& variable = drawing.variable;
  std::string name = words_of(drawing.request.variable);
  if (drawing.request.against != nullptr) name = "difference of " + name;
  if (variable.units == "1" || variable.units.empty()) return name;
  return name + " (" + terminal::visible(variable.units, terminal::Blanks::kept) + ")";
}

Slice slice_of(const Drawing& drawing, const std::string& name) {
  return slice_of(drawing.dataset, drawing.dataset[name], drawing.request);
}

Slice slice_of_labels(const Drawing& drawing, const Variable& variable) {
  Request request = drawing.request;
  request.layers.reset();
  request.at.clear();
  return slice_of(drawing.dataset, variable, request);
}

Slice drawn_slice(Drawing& drawing) {
  const Request& request = drawing.request;
  Slice slice = slice_of(drawing.dataset, drawing.variable, request);
  drawing.notes.insert(drawing.notes.end(), slice.notes.begin(), slice.notes.end());
  if (request.against == nullptr) return slice;
  const Slice other = slice_of(*request.against, variable_of(*request.against, request), request);
  return difference(std::move(slice), other, request.against_name);
}

bool is_signed(const Drawing& drawing, const std::vector<double>& values) {
  if (drawing.request.log) return false;
  if (drawing.request.against != nullptr) return true;
  const auto view = drawing.variable.attributes.find("view");
  if (view != drawing.variable.attributes.end()) {
    const auto* name = std::get_if<std::string>(&view->second);
    if (name != nullptr && *name == "patching") return true;
  }
  double least = 0, most = 0;
  for (const double value : values)
    if (std::isfinite(value)) least = std::min(least, value), most = std::max(most, value);
  // Values such as -1e-8 come from rounding where a quantity is zero.
  return std::min(-least, most) > 0.01 * std::max(-least, most);
}

Scale value_scale(const Drawing& drawing, const std::vector<double>& values) {
  const bool log = drawing.request.log;
  if (std::none_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    throw UsageError(drawing.request.variable +
                     ": it does not have a value here: all are missing "
                     "(NaN)");
  if (log && std::none_of(values.begin(), values.end(), [](double v) { return can_show(v, true); }))
    throw UsageError(drawing.request.variable +
                     ": --log shows values above zero; the largest is "
                     "not; leave --log out");
  if (!drawing.request.range) return scale_of(values, log);
  const auto& [low, high] = *drawing.request.range;
  if (!(low < high) || !std::isfinite(low) || !std::isfinite(high))
    throw UsageError("--range: the low end must be smaller than the high one");
  if (log && low <= 0) throw UsageError("--range: with --log both ends must be above zero");
  return {low, high, log};
}

Colour ColourScale::colour(double value) const {
  if (!around_zero) return palette_colour(palette, scale.share(value));
  const double size = std::max(std::abs(scale.low), std::abs(scale.high));
  return palette_colour(palette, 0.5 + value / size / 2);
}

bool ColourScale::can_show(double value) const {
  return !std::isnan(value) && (!scale.log || value > 0);
}

ColourScale colour_scale(const Drawing& drawing, const std::vector<double>& values) {
  const Request& request = drawing.request;
  ColourScale colours{value_scale(drawing, values), request.palette, false};
  const bool signs = is_signed(drawing, values);
  if (colours.palette.empty()) colours.palette = signs ? "purple-orange" : "viridis";
  // A diverging palette that was asked for has its middle at zero only where zero is within.
  const Scale& scale = colours.scale;
  colours.around_zero =
      is_diverging(colours.palette) && !scale.log && (signs || (scale.low < 0 && scale.high > 0));
  if (colours.around_zero && !request.range) {
    const double size = std::max(std::abs(scale.low), std::abs(scale.high));
    colours.scale = {-size, size, false};
  }
  return colours;
}

double colour_bar_width(const ColourScale& colours, double height) {
  double labels = 0;
  const auto at = ticks(colours.scale, bar_ticks(height));
  for (const auto& label : tick_labels(at, colours.scale.log))
    labels = std::max(labels, text_width(label, kTextSize));
  return kBarGap + kBarWidth + kTickGap + labels + kLineHeight + 1;
}

void add_colour_bar(Drawing& drawing, const ColourScale& colours, double x, double y,
                    double height) {
  constexpr int kSteps = 64;
  x += kBarGap;
  Cells bar;
  for (int i = 0; i < kSteps; ++i) {
    // Each step reaches to the lower end and is covered there by the next one, so that no
    // background shows between them.
    const double above = i * height / kSteps;
    bar.rects.push_back({x, y + above, kBarWidth, height - above,
                         colours.colour(colours.scale.value(1 - (i + 0.5) / kSteps))});
  }
  drawing.scene.add(std::move(bar));
  const auto at = ticks(colours.scale, bar_ticks(height));
  const auto labels = tick_labels(at, colours.scale.log);
  double widest_label = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double place = y + height * (1 - colours.scale.share(at[i]));
    drawing.scene.add(straight(x + kBarWidth, place, x + kBarWidth + 1.5, place));
    drawing.scene.add(Text{.x = x + kBarWidth + kTickGap, .y = place + kMiddle, .text = labels[i]});
    widest_label = std::max(widest_label, text_width(labels[i], kTextSize));
  }
  const double label_x = x + kBarWidth + kTickGap + widest_label + kLineHeight - 1;
  // A name that is longer than the bar may use the room above and below it.
  const double room = height + 24;
  drawing.scene.add(Text{.x = label_x,
                         .y = y + height / 2,
                         .text = cut_text(value_words(drawing), kTextSize, room),
                         .anchor = Anchor::middle,
                         .upright = true});
}

double longest_label(const Drawing& drawing) {
  return drawing.scene.width / 2;
}

AxisLabels column_labels(const Axis& axis, double pitch, double longest) {
  if (widest(axis) + 3 <= pitch) {
    AxisLabels labels = all_labels(axis, pitch);
    labels.extent = kLineHeight;
    return labels;
  }
  const bool texts = axis.is_token || axis.is_text;
  if (texts && pitch >= kPitch) {
    AxisLabels labels = all_labels(axis, longest);
    labels.upright = true;
    return labels;
  }
  if (texts && !axis.is_token) {
    // Every second, third … text, upright.
    AxisLabels labels = thinned(
        axis,
        static_cast<std::size_t>(std::max(1.0, static_cast<double>(axis.size()) * pitch / kPitch)),
        longest);
    labels.upright = true;
    return labels;
  }
  const double number = text_width(decimal(axis.numbers.back(), 0), kTextSize) + 5;
  const double length = static_cast<double>(axis.size()) * pitch;
  AxisLabels labels =
      thinned(axis, static_cast<std::size_t>(std::max(1.0, length / number)), longest);
  labels.extent = kLineHeight;
  return labels;
}

AxisLabels row_labels(const Axis& axis, double pitch, double longest) {
  if (pitch >= kPitch) return all_labels(axis, longest);
  const double length = static_cast<double>(axis.size()) * pitch;
  return thinned(axis, static_cast<std::size_t>(std::max(1.0, length / kLineHeight)), longest);
}

}  // namespace lensbench::figure
