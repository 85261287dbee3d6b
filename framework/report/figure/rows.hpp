#pragma once

#include <string>
#include <vector>

#include "report/figure/drawing.hpp"

namespace lensbench::figure {

/// A value in a row of its own, with its name on the left.
struct RowOfValue {
  std::string label;
  double value = 0, low = 0, high = 0;  ///< ends of the interval, if there is one
  std::size_t series = 0;               ///< colour, where several values share a row
};

/// Place of rows of values.
struct RowArea {
  double left = 0, top = 0, width = 0, height = 0, bottom = 0;
  double step = 0;  ///< distance of two rows
  Scale scale;

  double x(double value) const;
  double y(std::size_t row) const { return top + (static_cast<double>(row) + 0.5) * step; }
};

struct RowStyle {
  bool from_zero = false;  ///< the scale contains zero
  bool numbers = false;    ///< numbers follow the ends of bars
};

/// Fixes cases and tokens where other axes remain, and all but the last two of these.
void reduce_to_rows(Slice& slice);
/// One row for each index, or for each pair of indices: `3, 1`.
std::vector<RowOfValue> rows_of(const Slice& slice);
/// Names of the dimensions of the labels.
std::string title_of_rows(const Slice& slice);

/// Adds labels, the axis of values and its title.
RowArea add_rows(Drawing& drawing, const std::vector<RowOfValue>& rows, const std::string& title,
                 const RowStyle& style);
void add_zero_line(Drawing& drawing, const RowArea& area, double x);

}  // namespace lensbench::figure
