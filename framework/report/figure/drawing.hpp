#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/figure/figure.hpp"
#include "report/figure/scale.hpp"
#include "report/figure/scene/scene.hpp"
#include "report/figure/slice.hpp"

namespace lensbench::figure {

/// A figure that is being made: what to draw, and the scene so far.
struct Drawing {
  const Dataset& dataset;
  const Variable& variable;
  const Request& request;
  const TokenText& token_text;
  Scene scene = {};
  double top = 0;  ///< upper end of the room below the title
  std::vector<std::string> notes = {};
  std::vector<std::pair<std::string, std::string>> facts = {};
};

constexpr double kMargin = 2;
constexpr double kTick = 2;  ///< length of the marks of an axis

/// The families of fonts of a figure: the given one, if any, and the usual ones.
/// \throws UsageError if it is not one name
std::string font_families(const std::string& font);

/// Sets the width and adds the title: the description of the variable, then in a line of its own
/// the case and `fixed`. Without titles it only sets the width.
void begin(Drawing& drawing, const std::string& fixed);
/// Height of the plot: what the request leaves below `top` and above `below`, or `chosen`.
/// \throws UsageError if the height of the request leaves too little
double plot_height(const Drawing& drawing, double below, double chosen);
/// Sets the height of the scene after the last item. \param bottom  lower end of the items
void end(Drawing& drawing, double bottom);

/// Name and unit of the values, for axes: `entropy (nats)`.
std::string value_words(const Drawing& drawing);
/// The slice of the drawn variable, with the variable of `against` subtracted.
Slice drawn_slice(Drawing& drawing);
/// A slice of another variable of the dataset for the same request.
Slice slice_of(const Drawing& drawing, const std::string& name);
/// Slice of a variable that only numbers tokens, so that nothing is chosen of it but the case and
/// the tokens.
Slice slice_of_labels(const Drawing& drawing, const Variable& variable);
/// Whether smaller and larger values than zero matter: by the attribute `view`, the comparison with
/// another archive, or the values.
bool is_signed(const Drawing& drawing, const std::vector<double>& values);
/// Scale of the values: that of the request or of the values.
/// \throws UsageError if no value can be shown, and for a range without extent
Scale value_scale(const Drawing& drawing, const std::vector<double>& values);

/// Colours of values.
struct ColourScale {
  Scale scale;
  std::string palette;
  bool around_zero = false;  ///< zero has the middle colour, equal distances equal strength

  Colour colour(double value) const;
  /// Whether a value has a colour; infinite ones have that of an end.
  bool can_show(double value) const;
};
ColourScale colour_scale(const Drawing& drawing, const std::vector<double>& values);

/// Room on the right that a colour bar of a scale needs.
double colour_bar_width(const ColourScale& colours, double height);
/// Adds an upright colour bar with ticks and the name of the values.
void add_colour_bar(Drawing& drawing, const ColourScale& colours, double x, double y,
                    double height);

/// Labels of an axis that fit into a length.
struct AxisLabels {
  std::vector<std::pair<std::size_t, std::string>> shown;  ///< index and text
  bool upright = false;
  double extent = 0;  ///< width of labels at rows; height of labels under columns
  std::string title;
};
/// Labels under columns: texts side by side, upright where they are too long, positions where not
/// every token has room.
/// \param pitch    width of a column
/// \param longest  most points of an upright label
AxisLabels column_labels(const Axis& axis, double pitch, double longest);
/// Labels at rows. \param pitch  height of a row \param longest  most points of a label
AxisLabels row_labels(const Axis& axis, double pitch, double longest);
/// Most points of a label of an axis: half of the width of the figure, so that the plot keeps the
/// rest. Labels take as much room as the widest of them needs.
double longest_label(const Drawing& drawing);

}  // namespace lensbench::figure
