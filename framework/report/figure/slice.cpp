#include "report/figure/slice.hpp"

#include <ATen/ops/sub.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <lensbench/error.hpp>

#include "core/text/suggest.hpp"
#include "report/figure/scale.hpp"
#include "report/figure/spans.hpp"
#include "report/terminal/numbers.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::figure {
namespace {

using terminal::Blanks;
using terminal::CaseRange;
using terminal::visible;

CaseRange case_of(const Dataset& dataset, const Request& request) {
  const auto cases = terminal::token_cases(dataset);
  if (cases.empty()) throw UsageError(request.variable + ": it does not have any token");
  if (!request.case_number) return cases.front();
  for (const CaseRange& range : cases)
    if (range.number == *request.case_number) return range;
  throw UsageError(request.variable + ": it does not have tokens of case " +
                   std::to_string(*request.case_number) +
                   "; the case has failed, or the tool "
                   "skipped it");
}

/// Tokens of pictures of the case that is drawn: consecutive rows.
CaseRange image_tokens_of(const Dataset& dataset, std::int64_t length, const Request& request) {
  if (!terminal::has(dataset, "case", {"image_token"})) return {0, "", 0, length};
  const terminal::Grid numbers(dataset["case"].tensor);
  const double wanted = request.case_number ? static_cast<double>(*request.case_number)
                        : length > 0        ? numbers(0)
                                            : 0.0;
  CaseRange range{static_cast<std::int64_t>(wanted), "", 0, 0};
  for (std::int64_t i = 0; i < length; ++i) {
    if (numbers(i) != wanted) continue;
    if (range.size() == 0) range.begin = i;
    range.end = i + 1;
  }
  if (range.size() > 0) return range;
  throw UsageError(request.variable + ": it does not have tokens of pictures of case " +
                   std::to_string(range.number) + "; the case has failed");
}

Axis token_axis(const Dataset& dataset, const std::string& dim, const CaseRange& range) {
  Axis axis{dim, {}, {}, true, true};
  for (const auto& text : terminal::token_texts(dataset, range))
    axis.labels.push_back(visible(text, Blanks::marked));
  for (const auto position : terminal::token_positions(dataset, range))
    axis.numbers.push_back(static_cast<double>(position));
  return axis;
}

Axis numbered_axis(const Dataset& dataset, const std::string& dim, std::int64_t length) {
  Axis axis{dim, {}, {}, false, false};
  const bool known = terminal::has(dataset, dim, {dim});
  axis.is_text = known && dataset[dim].is_text();
  const auto numbers =
      known && !axis.is_text ? terminal::Grid(dataset[dim].tensor) : terminal::Grid();
  for (std::int64_t i = 0; i < length; ++i) {
    const double number = numbers.empty() ? static_cast<double>(i) : numbers(i);
    axis.numbers.push_back(number);
    axis.labels.push_back(
        axis.is_text ? visible(dataset[dim].strings[static_cast<std::size_t>(i)], Blanks::kept)
                     : short_number(number));
  }
  return axis;
}

/// Positions of attention have the texts of the tokens if they are those of one case.
Axis axis_of_dim(const Dataset& dataset, const std::string& dim, std::int64_t length,
                 const Request& request) {
  const auto& dims = dataset.dims();
  const bool tokens =
      std::any_of(dims.begin(), dims.end(), [](const auto& one) { return one.first == "token"; });
  if (is_query_or_key(dim) && tokens) {
    const auto cases = terminal::token_cases(dataset);
    const bool chosen = request.case_number || cases.size() == 1;
    if (chosen && case_of(dataset, request).size() == length)
      return token_axis(dataset, dim, case_of(dataset, request));
  }
  return numbered_axis(dataset, dim, length);
}

/// Number of a case on the axis of cases.
void select_case(Slice& slice, std::size_t axis, std::int64_t number) {
  const auto& numbers = slice.axes[axis].numbers;
  const auto found = std::find(numbers.begin(), numbers.end(), static_cast<double>(number));
  if (found == numbers.end())
    throw UsageError("case " + std::to_string(number) + ": the variable does not have it");
  const auto index = static_cast<std::size_t>(found - numbers.begin());
  slice.values =
      slice.values.select(static_cast<std::int64_t>(axis), static_cast<std::int64_t>(index));
  slice.axes.erase(slice.axes.begin() + static_cast<std::ptrdiff_t>(axis));
}

/// Index of a label as one types it: the text of the axis, or the number of its coordinate, which a
/// label may have rounded and with the minus sign U+2212. The length of the axis if it is not
/// there.
std::size_t index_of(const Axis& axis, const std::string& label) {
  const auto& labels = axis.labels;
  const auto found = std::find(labels.begin(), labels.end(), visible(label, Blanks::kept));
  if (found != labels.end() || axis.is_text || axis.is_token)
    return static_cast<std::size_t>(found - labels.begin());
  double number = 0;
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
  if (error != std::errc() || end != label.data() + label.size()) return axis.size();
  const auto& numbers = axis.numbers;
  return static_cast<std::size_t>(std::find(numbers.begin(), numbers.end(), number) -
                                  numbers.begin());
}

/// Fixes the dimensions of --at.
void apply_labels(Slice& slice, const Request& request) {
  for (const auto& [dim, label] : request.at) {
    const auto axis = slice.find(dim);
    if (!axis) {
      std::vector<std::string> dims;
      for (const Axis& one : slice.axes) dims.push_back(one.dim);
      throw UsageError("--at: " + request.variable + " does not have the dimension '" + dim + "'" +
                       suggest(dim, dims));
    }
    const std::size_t index = index_of(slice.axes[*axis], label);
    if (index == slice.length(*axis))
      throw UsageError("--at: the dimension '" + dim + "' does not have the label '" + label + "'" +
                       suggest(label, slice.axes[*axis].labels));
    fix(slice, *axis, index);
  }
}

}  // namespace

std::optional<std::size_t> Slice::find(std::string_view dim) const {
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i].dim == dim) return i;
  return std::nullopt;
}

bool is_query_or_key(std::string_view dim) {
  return dim.starts_with("query_position") || dim.starts_with("key_position");
}

bool numbers_cases(std::string_view dim) {
  return dim == "case" || dim == "case_number";
}

bool is_layer(std::string_view dim) {
  return dim == "layer" || dim == "block" || dim.ends_with("_layer") || dim.ends_with("_block");
}

bool is_ordered(const Dataset& dataset, const std::string& dim) {
  if (dim == "token" || is_layer(dim)) return true;
  // Heads have numbers, but no order.
  if (dim == "head" || dim == "kv_head" || numbers_cases(dim)) return false;
  return terminal::has(dataset, dim, {dim}) && !dataset[dim].is_text();
}

std::vector<std::string> dims_without_cases(const Variable& variable) {
  std::vector<std::string> dims;
  for (const auto& dim : variable.dims)
    if (!numbers_cases(dim)) dims.push_back(dim);
  return dims;
}

std::string interval_of(const Dataset& dataset, const Variable& variable) {
  std::string stem = variable.name;
  if (stem.ends_with("_interval")) return "";
  if (stem.ends_with("_mean")) stem.resize(stem.size() - std::string_view("_mean").size());
  for (const std::string& name : {variable.name + "_interval", stem + "_interval"}) {
    if (!dataset.contains(name) || dataset[name].is_text()) continue;
    std::vector<std::string> dims = dataset[name].dims;
    const bool bounds = std::erase(dims, "bound") == 1 && dataset.dim("bound") == 2;
    if (bounds && dims == variable.dims) return name;
  }
  return "";
}

bool is_grades(const Variable& variable) {
  const auto view = variable.attributes.find("view");
  if (view == variable.attributes.end()) return false;
  const auto* name = std::get_if<std::string>(&view->second);
  return name != nullptr && *name == "grades";
}

bool has_grades(const Dataset& dataset, const Variable& variable) {
  const std::vector<std::string> dims = {"entry", "metric"};
  return is_grades(variable) && variable.dims == dims && variable.name == "value" &&
         terminal::has(dataset, "low", dims) && terminal::has(dataset, "high", dims);
}

const Variable& variable_of(const Dataset& dataset, const Request& request) {
  if (dataset.contains(request.variable)) return dataset[request.variable];
  std::vector<std::string> names;
  const Variable* of_case = nullptr;
  const std::string stem = request.variable + "_case";
  for (const Variable& variable : dataset.variables()) {
    if (variable.coordinate) continue;
    names.push_back(variable.name);
    const bool wanted = request.case_number
                            ? variable.name == stem + std::to_string(*request.case_number)
                            : variable.name.starts_with(stem);
    if (wanted && of_case == nullptr) of_case = &variable;
  }
  if (of_case != nullptr) return *of_case;
  throw UsageError((request.dataset.empty() ? "" : request.dataset + ": ") +
                   std::string("it does not have a variable '") + request.variable + "'" +
                   suggest(request.variable, names));
}

Slice slice_of(const Dataset& dataset, const Variable& variable, const Request& request) {
  Slice slice{variable.tensor.to(at::kCPU).to(at::kDouble), {}, "", {}};
  // Dimensions such as `key_position_case3` are those of one case.
  bool of_case = std::any_of(variable.dims.begin(), variable.dims.end(),
                             [](const auto& dim) { return !case_suffix(dim).empty(); });
  for (std::size_t axis = 0; axis < variable.dims.size(); ++axis) {
    const std::string& dim = variable.dims[axis];
    if (dim == "token") {
      const CaseRange range = case_of(dataset, request);
      slice.values =
          slice.values.narrow(static_cast<std::int64_t>(axis), range.begin, range.size());
      slice.axes.push_back(token_axis(dataset, dim, range));
      of_case = true;
    } else if (dim == "image_token") {
      const CaseRange range = image_tokens_of(dataset, variable.shape()[axis], request);
      slice.values =
          slice.values.narrow(static_cast<std::int64_t>(axis), range.begin, range.size());
      slice.axes.push_back(axis_of_dim(dataset, dim, range.size(), request));
      of_case = true;
    } else {
      slice.axes.push_back(axis_of_dim(dataset, dim, variable.shape()[axis], request));
    }
  }
  for (std::size_t axis = slice.axes.size(); axis-- > 0;)
    if (numbers_cases(slice.axes[axis].dim)) {
      of_case = true;
      if (request.case_number) select_case(slice, axis, *request.case_number);
    }
  if (request.case_number && !of_case)
    throw UsageError(request.variable + ": it does not belong to single cases; leave --case out");
  apply_spans(slice, request);
  apply_labels(slice, request);
  return slice;
}

Slice difference(Slice slice, const Slice& against, const std::string& name) {
  const auto differ = [&](const std::string& what) {
    throw UsageError("--against " + name + ": " + what +
                     "; only values with equal labels can be subtracted");
  };
  if (slice.axes.size() != against.axes.size()) differ("the variable has other dimensions there");
  for (std::size_t axis = 0; axis < slice.axes.size(); ++axis) {
    const Axis &a = slice.axes[axis], &b = against.axes[axis];
    if (a.dim != b.dim) differ("its dimension is '" + b.dim + "' (here '" + a.dim + "')");
    if (a.size() != b.size())
      differ("the length of '" + a.dim + "' is " + std::to_string(b.size()) + " (here " +
             std::to_string(a.size()) + ")");
    for (std::size_t i = 0; i < a.size(); ++i)
      if (a.labels[i] != b.labels[i])
        differ("index " + std::to_string(i) + " of '" + a.dim + "' is \u201c" + b.labels[i] +
               "\u201d (here \u201c" + a.labels[i] + "\u201d)");
  }
  slice.values = at::sub(slice.values, against.values);
  return slice;
}

void fix(Slice& slice, std::size_t axis, std::size_t index) {
  const Axis& fixed = slice.axes[axis];
  if (fixed.size() > 1 || fixed.is_token) {
    std::string words = words_of(fixed.dim) + " " + fixed.labels[index];
    if (fixed.is_token)
      words = words_of(fixed.dim) + " \u201c" + fixed.labels[index] + "\u201d (position " +
              decimal(fixed.numbers[index], 0) + ")";
    slice.fixed = slice.fixed.empty() ? words : slice.fixed + ", " + words;
  }
  slice.values =
      slice.values.select(static_cast<std::int64_t>(axis), static_cast<std::int64_t>(index));
  slice.axes.erase(slice.axes.begin() + static_cast<std::ptrdiff_t>(axis));
}

void fix_down_to(Slice& slice, std::size_t most) {
  const auto fix_at = [&](std::size_t axis) {
    fix(slice, axis, slice.axes[axis].is_token ? slice.length(axis) - 1 : 0);
  };
  const auto fix_all_that = [&](auto suits) {
    for (std::size_t axis = 0; axis < slice.axes.size() && slice.axes.size() > most;)
      if (suits(slice.axes[axis]))
        fix_at(axis);
      else
        ++axis;
  };
  fix_all_that([](const Axis& axis) { return numbers_cases(axis.dim); });
  fix_all_that([](const Axis& axis) { return axis.dim == "rank"; });
  while (slice.axes.size() > most) fix_at(most);
}

void transpose(Slice& slice) {
  slice.values = slice.values.transpose(0, 1);
  std::swap(slice.axes[0], slice.axes[1]);
}

std::vector<double> values_of(const Slice& slice) {
  return terminal::Grid(slice.values).values();
}

std::string_view case_suffix(std::string_view name) {
  const auto at = name.rfind("_case");
  if (at == std::string_view::npos || at + 5 == name.size()) return {};
  const auto digits = name.substr(at + 5);
  return digits.find_first_not_of("0123456789") == std::string_view::npos ? name.substr(at)
                                                                          : std::string_view();
}

std::string words_of(std::string_view name) {
  name.remove_suffix(case_suffix(name).size());
  std::string words = visible(name, Blanks::kept);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

}  // namespace lensbench::figure
