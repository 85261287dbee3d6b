#pragma once

#include <string>
#include <vector>

#include "report/views/view.hpp"

namespace lensbench::terminal {

/// A dimension of a picture with the label of each index.
struct Axis {
  std::string dim;
  std::vector<std::string> labels;
  std::vector<std::string> positions;  ///< positions of tokens in the sequence; else empty
};

/// The part of a variable that a picture shows: two of its dimensions, with one index of each
/// further dimension.
struct Plane {
  Axis rows, columns;
  std::vector<double> values;  ///< row by row; NaN is drawn as blank
  std::string fixed;           ///< the indices of the further dimensions, in words; may be empty

  double at(std::size_t row, std::size_t column) const {
    return values.at(row * columns.labels.size() + column);
  }
  /// All values of one row.
  std::vector<double> row(std::size_t row) const;
};

/// Dimensions of a variable that may be an axis of a picture: all but those that number cases.
std::vector<std::string> axes_of(const Variable& variable);

/// Labels of the indices of a dimension, from its coordinate; token texts for `token` and for
/// positions of the only case. Only the tokens of `range` for `token`.
std::vector<std::string> axis_labels(const View& view, const std::string& dim,
                                     const CaseRange& range);

/// Part of a variable of numbers. Further dimensions are at their first index, `token` at the last
/// token of the case; dimensions of length 1 are not mentioned in `fixed`.
/// \param rows     dimension of the rows, which the variable has
/// \param columns  dimension of the columns; empty for a single column
Plane plane_of(const View& view, const Variable& variable, const std::string& rows,
               const std::string& columns, const CaseRange& range);

/// Indices of the rows to draw: all of `n`, or `most` of them at about even distances with the
/// first and the last.
std::vector<std::size_t> rows_to_draw(std::size_t n, std::size_t most);

/// Cases to draw one after the other for a variable: those of the token axis if the variable has
/// this axis, else a single one.
std::vector<CaseRange> cases_of(const View& view, const Variable& variable);

/// Lines of one case, where each variable has about 60.
std::size_t lines_for_each(const std::vector<CaseRange>& cases);

/// Name, unit and description of a variable as heading.
void head(Lines& lines, const View& view, const Variable& variable, const std::string& note = "");

/// Name of a variable with its unit: `entropy [nats]`.
std::string name_with_unit(const View& view, const Variable& variable);

/// Values with about three digits in one format; token texts if the variable holds token ids.
std::vector<std::string> cells_of(const View& view, const Variable& variable,
                                  const std::vector<double>& values);

/// `n` texts of a variable of texts, from the index `first` on.
std::vector<std::string> text_cells(const View& view, const Variable& texts, std::int64_t first,
                                    std::int64_t n);

}  // namespace lensbench::terminal
