#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/map.hpp"
#include "report/figure/scene/text_width.hpp"

namespace lensbench::figure {
namespace {

constexpr std::size_t kMostTokens = 2000;
constexpr double kLine = 11, kBox = 9.4, kInside = 1.2;

/// A token on its line.
struct PlacedToken {
  std::string text;
  double x = 0, width = 0;
  std::size_t line = 0;
};

/// Breaks the text into lines as wide as the figure, and after the mark of a new line.
std::vector<PlacedToken> placed(const std::vector<std::string>& texts, double width) {
  std::vector<PlacedToken> tokens;
  double x = 0;
  std::size_t line = 0;
  for (const std::string& text : texts) {
    const std::string shown = cut_text(text, kTextSize, width - 2 * kInside);
    const double own = text_width(shown, kTextSize) + 2 * kInside;
    if (x > 0 && x + own > width) x = 0, ++line;
    tokens.push_back({shown, x, own, line});
    x += own;
    if (text.ends_with("\u23ce")) x = 0, ++line;
  }
  return tokens;
}

bool reads_from_right(const std::vector<std::string>& texts) {
  std::size_t right = 0;
  for (const std::string& text : texts) right += is_right_to_left(text);
  return 2 * right > texts.size();
}

/// Level colour bar with its name on the right. \return its lower end
double add_flat_bar(Drawing& drawing, const ColourScale& colours, double y) {
  constexpr int kSteps = 64;
  constexpr double kHeight = 5;
  const double length = std::min(110.0, (drawing.scene.width - 2 * kMargin) * 0.45);
  const double x = kMargin + 6;
  Cells bar;
  for (int i = 0; i < kSteps; ++i) {
    const double before = i * length / kSteps;
    const double value = colours.scale.value((i + 0.5) / kSteps);
    bar.rects.push_back({x + before, y, length - before, kHeight, colours.colour(value)});
  }
  drawing.scene.add(std::move(bar));
  const auto at = ticks(colours.scale, 4);
  const auto labels = tick_labels(at, colours.scale.log);
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double place = x + length * colours.scale.share(at[i]);
    drawing.scene.add(straight(place, y + kHeight, place, y + kHeight + 1.5));
    drawing.scene.add(Text{.x = place,
                           .y = y + kHeight + 2.5 + kTextSize,
                           .text = labels[i],
                           .anchor = Anchor::middle});
  }
  const double name = x + length + 10;
  drawing.scene.add(Text{
      .x = name,
      .y = y + kHeight,
      .text = cut_text(value_words(drawing), kTextSize, drawing.scene.width - name - kMargin)});
  return y + kHeight + 3 + kLineHeight;
}

}  // namespace

/// The text runs as it is read; a missing value leaves the background white.
void draw_tokens(Drawing& drawing) {
  Slice slice = drawn_slice(drawing);
  if (!slice.find("token"))
    throw UsageError(drawing.request.variable + ": it does not have a dimension of tokens");
  for (std::size_t i = slice.axes.size(); i-- > 0;)
    if (!slice.axes[i].is_token)
      fix(slice, i, is_layer(slice.axes[i].dim) ? slice.length(i) - 1 : 0);
  const Axis& axis = slice.axes.front();
  if (axis.size() > kMostTokens)
    throw UsageError(drawing.request.variable + ": " + std::to_string(axis.size()) +
                     " tokens are too many for a text (at most " + std::to_string(kMostTokens) +
                     "); choose some with --tokens A:B");
  const auto values = values_of(slice);
  const ColourScale colours = colour_scale(drawing, values);
  begin(drawing, slice.fixed);
  const double width = drawing.scene.width - 2 * kMargin;
  const auto tokens = placed(axis.labels, width);
  const bool mirrored = reads_from_right(axis.labels);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const PlacedToken& token = tokens[i];
    const double x = kMargin + (mirrored ? width - token.x - token.width : token.x);
    const double y = drawing.top + kLine * static_cast<double>(token.line);
    Colour fill = kPaper;
    if (can_show(values[i], colours.scale.log)) {
      fill = colours.colour(values[i]);
      // The gap shows where a token ends.
      drawing.scene.add(Rect{x, y, token.width - 0.5, kBox, fill});
    }
    drawing.scene.add(Text{
        .x = x + kInside, .y = y + kBox / 2 + kMiddle, .text = token.text, .fill = ink_on(fill)});
  }
  const double lines = tokens.empty() ? 0 : static_cast<double>(tokens.back().line + 1);
  const double bottom = add_flat_bar(drawing, colours, drawing.top + kLine * lines + 4);
  if (drawing.request.height_mm && *drawing.request.height_mm * kPointsPerMm < bottom + kMargin)
    throw UsageError("--height: the text needs " +
                     decimal(std::ceil((bottom + kMargin) / kPointsPerMm), 0) +
                     " mm at this width; leave --height out");
  end(drawing, bottom);
}

}  // namespace lensbench::figure
