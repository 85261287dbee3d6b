#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/figure/figure.hpp"

namespace lensbench::figure {

/// A dimension of a slice with the label of each index.
struct Axis {
  std::string dim;
  std::vector<std::string> labels;  ///< safe to show; of tokens with marked blanks
  /// Numbers of the coordinate, positions of tokens, else indices; of texts, indices.
  std::vector<double> numbers;
  bool is_text = false;  ///< the coordinate is texts
  bool is_token = false;

  std::size_t size() const { return labels.size(); }
};

/// The part of a variable that a request asks for, as double.
struct Slice {
  at::Tensor values;  ///< one dimension for each axis
  std::vector<Axis> axes;
  std::string fixed;               ///< the indices of the dimensions that were fixed, in words
  std::vector<std::string> notes;  ///< sentences for the user, of spans longer than the axis

  std::size_t length(std::size_t axis) const { return axes.at(axis).size(); }
  std::optional<std::size_t> find(std::string_view dim) const;
};

/// Dimensions of a variable other than those that number cases.
std::vector<std::string> dims_without_cases(const Variable& variable);
bool numbers_cases(std::string_view dim);
/// Whether a dimension counts the positions of an attention pattern.
bool is_query_or_key(std::string_view dim);
/// Whether a dimension counts layers, blocks or steps, so that a line may connect its values.
bool is_ordered(const Dataset& dataset, const std::string& dim);
bool is_layer(std::string_view dim);
/// Name of a variable that has the ends of intervals of another one, over `bound` and its
/// dimensions; empty if the dataset has none.
std::string interval_of(const Dataset& dataset, const Variable& variable);

/// Whether a variable has scores of graded tools.
bool is_grades(const Variable& variable);
/// Whether a variable has such scores, an entry and a metric each, and the ends of their
/// intervals.
bool has_grades(const Dataset& dataset, const Variable& variable);

/// Variable of a request; a name that only single cases have, `pattern_case3`, is found by its
/// beginning. \throws UsageError with the nearest names
const Variable& variable_of(const Dataset& dataset, const Request& request);

/// A variable reduced to the case, layers and tokens of the request. The dimension of cases remains
/// if the request does not name a case.
/// \throws UsageError if the variable does not have what the request selects
Slice slice_of(const Dataset& dataset, const Variable& variable, const Request& request);
/// Difference of two slices with equal labels. \throws UsageError with the first label that differs
Slice difference(Slice slice, const Slice& against, const std::string& name);

/// Removes an axis at one of its indices and says so in `fixed`.
void fix(Slice& slice, std::size_t axis, std::size_t index);
/// Fixes axes until `most` remain: cases and ranks at the first index, then those after the first
/// `most`, tokens at the last index and others at the first one.
void fix_down_to(Slice& slice, std::size_t most);
/// Exchanges the axes of a slice with two of them.
void transpose(Slice& slice);
/// All values in the order of the axes.
std::vector<double> values_of(const Slice& slice);

/// End of a name that belongs to one case: `_case3` of `pattern_case3`; else empty.
std::string_view case_suffix(std::string_view name);

/// Name for readers, without the end that names a case: `target probability` for
/// `target_probability`.
std::string words_of(std::string_view name);

}  // namespace lensbench::figure
