#pragma once

#include <cstddef>
#include <vector>

#include "report/figure/drawing.hpp"

namespace lensbench::figure {

/// Place of a plot whose horizontal axis is a dimension and whose vertical axis is the values.
struct PlotArea {
  double left = 0, top = 0, width = 0, height = 0;
  double bottom = 0;  ///< lower end of the labels
  Scale across, up;
  std::vector<double> places;  ///< number of each index on the scale `across`
  bool downward = false;       ///< the smallest value is at the top: ranks

  double x(std::size_t index) const;
  /// Place of a value; one outside of the scale is at its end.
  double y(double value) const;
  bool can_show(double value) const { return figure::can_show(value, up.log); }
};

/// Adds both axes with their ticks, labels and titles.
/// \param axis    the horizontal dimension
/// \param values  all values, with the ends of intervals
/// \param right   room that remains on the right
PlotArea add_axes(Drawing& drawing, const Axis& axis, const std::vector<double>& values,
                  double right);

/// The colour of a line, darker until it can be read as a text on white.
Colour readable(Colour colour);

constexpr Colour kGridLine{0xe4, 0xe4, 0xe4};

}  // namespace lensbench::figure
