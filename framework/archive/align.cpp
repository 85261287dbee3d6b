#include "archive/align.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>

// Alignment of two datasets by their labels, so that runs over different prompts, layers or heads
// are compared where they overlap. Rows are matched by label and never by position if both axes
// have labels that are unique.

namespace lensbench {
namespace {

using Labels = std::vector<std::string>;

/// Whether `name` is a variable with one label for each row of `dim`.
bool labels_axis(const Dataset& dataset, const std::string& name, const std::string& dim) {
  return dataset.contains(name) && dataset[name].dims == std::vector{dim};
}

/// Labels as text. Texts are quoted, so that the text '1' differs from the number 1; floats have 17
/// digits, which distinguish all float64 values.
Labels texts_of(const Variable& variable) {
  if (variable.is_text()) {
    Labels quoted;
    for (const std::string& text : variable.strings) quoted.push_back("'" + text + "'");
    return quoted;
  }
  Labels labels;
  const bool whole = !at::isFloatingType(variable.tensor.scalar_type());
  const at::Tensor values = variable.tensor.to(whole ? at::kLong : at::kDouble).contiguous();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    std::ostringstream text;
    text.precision(17);
    if (whole)
      text << values.data_ptr<std::int64_t>()[i];
    else
      text << values.data_ptr<double>()[i];
    labels.push_back(text.str());
  }
  return labels;
}

/// Tokens by case and position: the coordinate of the axis counts rows, which differ between runs
/// of other cases.
Labels token_labels(const Dataset& dataset, const Labels& ids) {
  const at::Tensor cases = dataset["case"].tensor.to(at::kLong).contiguous(),
                   positions = dataset["position"].tensor.to(at::kLong).contiguous();
  Labels labels;
  for (std::int64_t i = 0; i < cases.numel(); ++i) {
    const std::int64_t number = cases.data_ptr<std::int64_t>()[i];
    const bool known = number >= 0 && number < static_cast<std::int64_t>(ids.size());
    labels.push_back((known ? "case '" + ids[static_cast<std::size_t>(number)] + "'"
                            : "case " + std::to_string(number)) +
                     " position " + std::to_string(positions.data_ptr<std::int64_t>()[i]));
  }
  return labels;
}

/// Whether an axis has tokens of the prompts, or of the pictures in them, that are identified by
/// case and position, as in all results over cases.
bool has_tokens_by_case(const Dataset& dataset, const std::string& dim) {
  return (dim == "token" || dim == "image_token") && labels_axis(dataset, "case", dim) &&
         labels_axis(dataset, "position", dim) && !dataset["case"].is_text() &&
         !dataset["position"].is_text();
}

/// Labels of an axis; empty if the dataset has none for it.
/// The id of a case is preferred to its number, which depends on the other cases of the run.
std::optional<Labels> labels_of(const Dataset& dataset, const std::string& dim, const Labels& ids) {
  if (has_tokens_by_case(dataset, dim)) return token_labels(dataset, ids);
  if ((dim == "case" || dim == "case_number") && labels_axis(dataset, "case_id", dim))
    return texts_of(dataset["case_id"]);
  if (labels_axis(dataset, dim, dim)) return texts_of(dataset[dim]);
  return std::nullopt;
}

/// Rows of an axis that are kept, by dimension.
using Rows = std::map<std::string, std::vector<std::int64_t>>;

/// Labels that occur twice do not say which rows belong together.
bool has_repeats(const Labels& labels) {
  return std::set<std::string>(labels.begin(), labels.end()).size() != labels.size();
}

/// \return the difference between the labels of one axis; empty if they are equal or not unique
std::optional<AxisDifference> align_axis(const std::string& dim, const Labels& first,
                                         const Labels& second, Rows& rows_first,
                                         Rows& rows_second) {
  if (first == second || has_repeats(first) || has_repeats(second)) return std::nullopt;
  // A map of the second labels: the time grows with n log n and not with the product of the
  // lengths.
  std::map<std::string, std::int64_t> row_of;
  for (std::size_t i = 0; i < second.size(); ++i) row_of[second[i]] = static_cast<std::int64_t>(i);
  AxisDifference difference;
  difference.dim = dim;
  std::vector<std::int64_t> kept, opposite;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const auto found = row_of.find(first[i]);
    if (found == row_of.end()) {
      difference.only_first.push_back(first[i]);
      continue;
    }
    kept.push_back(static_cast<std::int64_t>(i));
    opposite.push_back(found->second);
  }
  const std::set<std::string> of_first(first.begin(), first.end());
  for (const std::string& label : second)
    if (!of_first.contains(label)) difference.only_second.push_back(label);
  difference.common = static_cast<std::int64_t>(kept.size());
  // Rows of the second dataset are put into the order of the first.
  difference.reordered = !std::is_sorted(opposite.begin(), opposite.end());
  rows_first[dim] = std::move(kept);
  rows_second[dim] = std::move(opposite);
  return difference;
}

Variable reduced(Variable variable, const Rows& rows) {
  for (std::size_t axis = 0; axis < variable.dims.size(); ++axis) {
    const auto found = rows.find(variable.dims[axis]);
    if (found == rows.end()) continue;
    if (variable.is_text()) {
      std::vector<std::string> kept;
      for (const std::int64_t row : found->second)
        kept.push_back(variable.strings.at(static_cast<std::size_t>(row)));
      variable.strings = std::move(kept);
    } else {
      variable.tensor = variable.tensor.index_select(static_cast<std::int64_t>(axis),
                                                     at::tensor(found->second, at::kLong));
    }
  }
  return variable;
}

/// A dataset with the kept rows. Attributes and receipts belong to the whole and stay.
Dataset reduced(const Dataset& dataset, const Rows& rows) {
  Dataset result;
  for (const Variable& variable : dataset.variables()) result.add(reduced(variable, rows));
  result.attributes = dataset.attributes;
  result.receipts = dataset.receipts;
  return result;
}

/// Takes numbers of rows and cases from the first dataset for axes that were aligned by other
/// labels, since those numbers depend on the other cases of a run.
void take_numbers(const Dataset& first, Dataset& second, const Rows& rows) {
  Dataset result;
  for (Variable variable : second.variables()) {
    const std::string& name = variable.name;
    const bool number =
        name == "token" || name == "image_token" || name == "case" || name == "case_number";
    const bool by_other_labels = number && variable.dims.size() == 1 &&
                                 rows.contains(variable.dims.front()) &&
                                 (has_tokens_by_case(first, variable.dims.front()) ||
                                  labels_axis(first, "case_id", variable.dims.front()));
    if (by_other_labels && first.contains(name) && first[name].dims == variable.dims &&
        !first[name].is_text())
      variable.tensor = first[name].tensor;
    result.add(std::move(variable));
  }
  result.attributes = second.attributes;
  result.receipts = second.receipts;
  second = std::move(result);
}

}  // namespace

AlignedDatasets align(const Dataset& first, const Dataset& second,
                      const std::vector<std::string>& first_ids,
                      const std::vector<std::string>& second_ids) {
  AlignedDatasets aligned;
  Rows rows_first, rows_second;
  // Only axes that both datasets have with labels are aligned.
  for (const auto& [dim, length] : first.dims()) {
    const auto a = labels_of(first, dim, first_ids), b = labels_of(second, dim, second_ids);
    if (!a || !b) continue;
    if (auto difference = align_axis(dim, *a, *b, rows_first, rows_second))
      aligned.axes.push_back(std::move(*difference));
  }
  // Equal labels are the common case, in which nothing is copied.
  if (aligned.axes.empty()) return {first, second, {}};
  aligned.first = reduced(first, rows_first);
  aligned.second = reduced(second, rows_second);
  take_numbers(aligned.first, aligned.second, rows_first);
  return aligned;
}

}  // namespace lensbench
