#include "archive/variable_diff.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <lensbench/statistics.hpp>
#include <limits>
#include <vector>

// Comparison of one variable in two archives. Floats are compared by their bits first: equal bits
// are the promise of a replay, and NaN of equal bits are equal. Only for elements that differ, the
// size of the difference is measured against the tolerance.

namespace lensbench {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Number of values in a rank correlation, which sorts them; of a larger variable, the first ones.
constexpr std::int64_t kMostRanked = 1 << 20;

std::string shape_text(const Variable& variable) {
  std::string text = "[";
  const auto shape = variable.shape();
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i > 0 ? ", " : "") + variable.dims[i] + " " + std::to_string(shape[i]);
  return text + "]";
}

std::string type_text(const Variable& variable) {
  return variable.is_text() ? "text" : at::toString(variable.tensor.scalar_type());
}

/// Reason why two variables cannot be compared element by element; empty if they can.
std::string mismatch(const Variable& a, const Variable& b) {
  if (type_text(a) != type_text(b)) return "element types " + type_text(a) + " and " + type_text(b);
  if (a.dims != b.dims || a.shape() != b.shape())
    return "shapes " + shape_text(a) + " and " + shape_text(b);
  return "";
}

bool is_float(const Variable& variable) {
  return !variable.is_text() && at::isFloatingType(variable.tensor.scalar_type());
}

/// Shortest text that reads back as the number.
template <class T>
std::string shortest_text(T value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

/// Labels of one element: the coordinate of each axis and further labels of the token.
std::string labels(const Dataset& dataset, const Variable& variable, std::int64_t index) {
  const auto shape = variable.shape();
  // Indices of the element along each axis, from its place in C order.
  std::vector<std::int64_t> indices(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    indices[axis] = index % shape[axis];
    index /= shape[axis];
  }
  const auto value = [&](const std::string& name, std::int64_t row) -> std::string {
    const Variable& coordinate = dataset[name];
    if (coordinate.is_text())
      return "'" + coordinate.strings.at(static_cast<std::size_t>(row)) + "'";
    const at::Tensor element = coordinate.tensor[row];
    if (element.scalar_type() == at::kDouble) return shortest_text(element.item<double>());
    // The shortest text depends on the type: 0.1 as float32 is another number than as float64.
    if (is_float(coordinate)) return shortest_text(element.item<float>());
    return std::to_string(element.item<std::int64_t>());
  };
  std::string text;
  for (std::size_t axis = 0; axis < indices.size(); ++axis) {
    const std::string& dim = variable.dims[axis];
    text += (axis > 0 ? ", " : "") + dim + " ";
    const bool labelled = dataset.contains(dim) && dataset[dim].dims == std::vector{dim};
    text += labelled ? value(dim, indices[axis]) : std::to_string(indices[axis]);
    // A token is easier to find by its case, position and text than by its row.
    if (dim != "token" && dim != "image_token") continue;
    for (const char* more : {"case", "position", "input_token"})
      if (dataset.contains(more) && dataset[more].dims == std::vector{dim})
        text += (std::strcmp(more, "case") == 0 ? " (" : ", ") + std::string(more) + " " +
                value(more, indices[axis]);
    if (dataset.contains("case") && dataset["case"].dims == std::vector{dim}) text += ")";
  }
  return text;
}

/// Symmetric, so that the order of the archives does not matter.
double relative(double a, double b) {
  const double scale = std::max(std::abs(a), std::abs(b));
  return scale > 0 ? std::abs(a - b) / scale : 0;
}

/// Comparison of two variables with equal types and shapes. `dataset_` has the labels of the first.
class Comparison {
 public:
  Comparison(const Dataset& dataset, const Variable& a, const Variable& b)
      : dataset_(dataset), a_(a), b_(b) {
    result_.name = a.name;
    const auto shape = a.shape();
    // From the last axis outwards: elements of a token are `below_token_` apart.
    for (std::size_t axis = shape.size(); axis-- > 0; below_token_ *= shape[axis])
      if (a.dims[axis] == "token") {
        tokens_ = shape[axis];
        break;
      }
  }

  VariableDifference texts() {
    result_.elements = static_cast<std::int64_t>(a_.strings.size());
    for (std::size_t i = 0; i < a_.strings.size(); ++i)
      if (a_.strings[i] != b_.strings[i])
        note(static_cast<std::int64_t>(i), "'" + a_.strings[i] + "'", "'" + b_.strings[i] + "'");
    return finish();
  }

  /// All integer types as int64. A tolerance does not apply: ids and ranks are equal or not.
  VariableDifference integers() {
    const at::Tensor a = a_.tensor.to(at::kLong).contiguous(),
                     b = b_.tensor.to(at::kLong).contiguous();
    const auto* x = a.data_ptr<std::int64_t>();
    const auto* y = b.data_ptr<std::int64_t>();
    result_.elements = a.numel();
    for (std::int64_t i = 0; i < a.numel(); ++i)
      if (x[i] != y[i]) {
        measure(static_cast<double>(x[i]), static_cast<double>(y[i]));
        note(i, std::to_string(x[i]), std::to_string(y[i]));
      }
    return finish();
  }

  VariableDifference floats() {
    const bool wide = a_.tensor.scalar_type() == at::kDouble;
    const at::Tensor a = a_.tensor.contiguous(), b = b_.tensor.contiguous();
    result_.elements = a.numel();
    if (wide)
      compare(a.data_ptr<double>(), b.data_ptr<double>(), a.numel());
    else
      compare(a.data_ptr<float>(), b.data_ptr<float>(), a.numel());
    return finish();
  }

 private:
  /// Two passes: the tolerance depends on the largest value of the whole variable.
  template <class T>
  void compare(const T* a, const T* b, std::int64_t n) {
    double largest = 0;
    for (std::int64_t i = 0; i < n; ++i)
      if (std::isfinite(a[i])) largest = std::max(largest, std::abs(static_cast<double>(a[i])));
    result_.tolerance = tolerance_for(largest);
    for (std::int64_t i = 0; i < n; ++i) {
      if (std::memcmp(a + i, b + i, sizeof(T)) == 0) continue;
      measure(static_cast<double>(a[i]), static_cast<double>(b[i]));
      // Shortest texts of different values differ, also those of neighbouring float64 values.
      note(i, shortest_text(a[i]), shortest_text(b[i]));
    }
    // A correlation of equal values would say nothing.
    if (result_.differing > 0) correlate(a, b, std::min(n, kMostRanked));
  }

  /// Whether the values are still in the same order although their bits differ. Infinite values and
  /// NaN cannot be ranked.
  template <class T>
  void correlate(const T* a, const T* b, std::int64_t n) {
    std::vector<double> x, y;
    for (std::int64_t i = 0; i < n; ++i)
      if (std::isfinite(a[i]) && std::isfinite(b[i])) {
        x.push_back(static_cast<double>(a[i]));
        y.push_back(static_cast<double>(b[i]));
      }
    const double correlation = statistics::spearman(x, y);
    if (std::isfinite(correlation)) result_.rank_agreement = correlation;
  }

  /// Tolerance that the tool declares for this variable, else one for rounding in float32.
  double tolerance_for(double largest) const {
    const auto found = a_.attributes.find("tolerance");
    const double* declared =
        found == a_.attributes.end() ? nullptr : std::get_if<double>(&found->second);
    return declared != nullptr ? *declared : 1e-5 * largest + 1e-7;
  }

  /// A difference that is not finite is larger than every tolerance.
  void measure(double a, double b) {
    const bool comparable = std::isfinite(a) && std::isfinite(b);
    result_.max_absolute = std::max(result_.max_absolute, comparable ? std::abs(a - b) : kInfinity);
    result_.max_relative = std::max(result_.max_relative, comparable ? relative(a, b) : kInfinity);
  }

  /// Index of an element along the axis `token`; empty without such an axis.
  std::optional<std::int64_t> token_of(std::int64_t index) const {
    if (tokens_ == 0) return std::nullopt;
    return index / below_token_ % tokens_;
  }

  /// Counts a difference; the first one in C order is described.
  void note(std::int64_t index, std::string a, std::string b) {
    if (const auto token = token_of(index))
      result_.first_token = std::min(*token, result_.first_token.value_or(*token));
    if (result_.differing++ > 0) return;
    result_.first = labels(dataset_, a_, index);
    result_.first_a = std::move(a);
    result_.first_b = std::move(b);
  }

  /// Integers and texts are never within tolerance.
  VariableDifference finish() {
    if (result_.differing == 0)
      result_.agreement = Agreement::identical;
    else if (is_float(a_) && result_.max_absolute <= result_.tolerance)
      result_.agreement = Agreement::within_tolerance;
    else
      result_.agreement = Agreement::different;
    return std::move(result_);
  }

  const Dataset& dataset_;
  const Variable& a_;
  const Variable& b_;
  std::int64_t tokens_ = 0;       ///< length of the axis `token`; 0 without such an axis
  std::int64_t below_token_ = 1;  ///< number of elements per token on the axes after it
  VariableDifference result_;
};

VariableDifference only(const std::string& name, Agreement which) {
  VariableDifference result;
  result.name = name;
  result.agreement = which;
  return result;
}

/// Whether two variables have the same attributes. Archives of earlier versions lack `view` and
/// `claim`, which count only if both have them.
bool same_attributes(const Variable& a, const Variable& b) {
  auto of_a = a.attributes, of_b = b.attributes;
  for (const char* name : {"view", "claim"}) {
    if (of_a.contains(name) == of_b.contains(name)) continue;
    of_a.erase(name);
    of_b.erase(name);
  }
  return of_a == of_b;
}

/// Difference in the metadata of two variables; empty if it is equal. Other units make equal
/// numbers different results.
std::string described_otherwise(const Variable& a, const Variable& b) {
  if (a.units != b.units) return "units '" + a.units + "' and '" + b.units + "'";
  if (a.long_name != b.long_name) return "its description differs";
  if (!same_attributes(a, b)) return "its attributes differ";
  return "";
}

}  // namespace

std::string to_string(Agreement agreement) {
  constexpr std::array<const char*, 6> names = {"identical",         "within tolerance",
                                                "different",         "incomparable",
                                                "only in the first", "only in the second"};
  return names.at(static_cast<std::size_t>(agreement));
}

/// A variable over tokens alone, so that `labels` describes only the token.
std::string token_label(const Dataset& dataset, std::int64_t token) {
  Variable axis;
  axis.dims = {"token"};
  axis.tensor = at::empty({dataset.dim("token")}, at::kChar);
  return labels(dataset, axis, token);
}

// A variable that only one archive has is not an error: tools gain variables.
VariableDifference compare_variable(const Dataset& a, const Dataset& b, const std::string& name) {
  if (!a.contains(name)) return only(name, Agreement::only_second);
  if (!b.contains(name)) return only(name, Agreement::only_first);
  const Variable &first = a[name], &second = b[name];
  // Different shapes cannot be compared at all; different metadata can.
  if (const std::string reason = mismatch(first, second); !reason.empty()) {
    VariableDifference result = only(name, Agreement::incomparable);
    result.reason = reason;
    return result;
  }
  Comparison comparison(a, first, second);
  VariableDifference result = first.is_text()   ? comparison.texts()
                              : is_float(first) ? comparison.floats()
                                                : comparison.integers();
  result.reason = described_otherwise(first, second);
  if (!result.reason.empty()) result.agreement = Agreement::different;
  return result;
}

}  // namespace lensbench
