#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <set>
#include <sstream>

#include "core/dataset/names.hpp"
#include "core/text/utf8.hpp"

// Variables and datasets. All rules that make a dataset storable and readable by other programs are
// checked when a variable is added, where the message can name what the tool did wrong, and not
// when an archive is written.

namespace lensbench {
namespace {

std::string subject(const Variable& variable) {
  return "variable '" + variable.name + "'";
}

/// Names are limited to what netCDF, xarray and HDF5 paths accept alike.
void check_names(const Variable& variable) {
  if (!is_variable_name(variable.name))
    throw UsageError(subject(variable) +
                     ": not a valid name; use a letter followed by letters, digits, '_' and '.'");
  std::set<std::string> seen;
  for (const std::string& dim : variable.dims) {
    if (!is_variable_name(dim))
      throw UsageError(subject(variable) + ": dimension '" + dim +
                       "' is not a valid name; use a letter followed by letters, digits, '_' "
                       "and '.'");
    // xarray's sel(dim=...) silently takes the diagonal of a variable with a repeated dimension.
    if (!seen.insert(dim).second)
      throw UsageError(subject(variable) + ": dimension '" + dim +
                       "' occurs twice; give each axis its own name, such as query_position and "
                       "key_position");
  }
}

void check_text(const Variable& variable) {
  if (variable.strings.empty() && variable.dims.size() != 1)
    throw UsageError(subject(variable) + ": has neither numbers nor strings; give a tensor");
  if (variable.dims.size() != 1)
    throw UsageError(subject(variable) + ": strings must have exactly one dimension, found " +
                     std::to_string(variable.dims.size()));
  for (std::size_t i = 0; i < variable.strings.size(); ++i)
    if (!is_storable_text(variable.strings[i]))
      throw UsageError(subject(variable) + ": string " + std::to_string(i) +
                       " is not valid UTF-8 without NUL; keep raw bytes as uint8 numbers");
}

/// Types that an archive stores; truth values become int8 there.
bool is_stored_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
    case at::kDouble:
    case at::kChar:
    case at::kByte:
    case at::kInt:
    case at::kLong:
    case at::kBool:
      return true;
    default:
      return false;
  }
}

// An expanded tensor claims more elements than its storage has: making it contiguous could exhaust
// the memory.
void check_size(const Variable& variable, const at::Tensor& values) {
  // Asked once: each question is a system call.
  static const double memory =
      static_cast<double>(sysconf(_SC_PAGESIZE)) * static_cast<double>(sysconf(_SC_PHYS_PAGES));
  const double bytes =
      static_cast<double>(values.numel()) * static_cast<double>(values.element_size());
  if (bytes > memory)
    throw UsageError(subject(variable) + ": claims " + std::to_string(values.numel()) +
                     " elements, which do not fit into the memory of this machine");
}

/// Half types are widened to float32, which every reader has; the attribute keeps the original
/// type.
at::Tensor widened(Variable& variable, const at::Tensor& values) {
  const bool half = values.scalar_type() == at::kHalf || values.scalar_type() == at::kBFloat16;
  if (!half) return values;
  variable.attributes.emplace("source_dtype",
                              values.scalar_type() == at::kHalf ? "float16" : "bfloat16");
  return values.to(at::kFloat);
}

/// Makes the tensor a contiguous CPU tensor without autograd, of a type that an archive stores.
void normalise_tensor(Variable& variable) {
  if (!variable.strings.empty())
    throw UsageError(subject(variable) + ": has both numbers and strings; give one");
  at::Tensor values = variable.tensor.detach();
  if (values.layout() != at::kStrided || values.is_quantized())
    throw UsageError(subject(variable) + ": is a sparse or quantized tensor; make it dense first");
  if (static_cast<std::size_t>(values.dim()) != variable.dims.size())
    throw UsageError(subject(variable) + ": the tensor has " + std::to_string(values.dim()) +
                     " axes, but " + std::to_string(variable.dims.size()) + " dimension names");
  // Before `contiguous`, which allocates what the shape claims.
  check_size(variable, values);
  values = widened(variable, values);
  if (!is_stored_type(values.scalar_type()))
    throw UsageError(subject(variable) + ": element type " + at::toString(values.scalar_type()) +
                     " is not supported; use float32, float64, int8, uint8, int32, int64 or bool");
  variable.tensor = values.to(at::kCPU).contiguous();
}

std::string joined_names(const std::vector<Variable>& variables) {
  std::string names;
  for (const Variable& variable : variables)
    names += (names.empty() ? "'" : ", '") + variable.name + "'";
  return names.empty() ? "none" : names;
}

bool is_index_of(const Variable& variable, const std::string& dim) {
  return variable.dims == std::vector<std::string>{dim};
}

}  // namespace

std::vector<std::int64_t> Variable::shape() const {
  if (is_text()) return {static_cast<std::int64_t>(strings.size())};
  return tensor.sizes().vec();
}

Receipt make_receipt(std::string name, double value, double tolerance, std::string note) {
  return {std::move(name), value, tolerance, value <= tolerance, std::move(note)};
}

/// A failed receipt is worse than a passed one, and NaN worse than a number.
bool is_worse(const Receipt& a, const Receipt& b) {
  if (a.passed != b.passed) return !a.passed;
  if (std::isnan(a.value) != std::isnan(b.value)) return std::isnan(a.value);
  return a.value - a.tolerance > b.value - b.tolerance;
}

namespace {

/// Checks the name of a variable against another one and its dimensions.
void check_clash(const Variable& other, const Variable& variable) {
  // CF conventions, section 2.3: names must not differ in upper and lower case alone.
  if (equal_ignoring_case(other.name, variable.name))
    throw UsageError(subject(variable) + ": the dataset already has '" + other.name +
                     "'; use a name that differs by more than upper and lower case");
  // Readers such as xarray take a variable with the name of a dimension for its coordinate.
  for (const std::string& dim : other.dims)
    if (dim == variable.name && !is_index_of(variable, dim))
      throw UsageError(subject(variable) + ": '" + dim + "' is a dimension of '" + other.name +
                       "', so a variable of that name must have it as its only dimension");
  for (const std::string& dim : variable.dims)
    if (dim == other.name && !is_index_of(other, dim))
      throw UsageError(subject(variable) + ": dimension '" + dim + "' has the name of variable '" +
                       other.name + "', which is not its coordinate; rename one of them");
}

void check_lengths(const std::vector<std::pair<std::string, std::int64_t>>& dims,
                   const Variable& variable, const std::vector<std::int64_t>& lengths) {
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto known = std::find_if(dims.begin(), dims.end(),
                                    [&](const auto& dim) { return dim.first == variable.dims[i]; });
    if (known != dims.end() && known->second != lengths[i])
      throw UsageError(subject(variable) + ": dimension '" + variable.dims[i] + "' has length " +
                       std::to_string(lengths[i]) + ", but " + std::to_string(known->second) +
                       " in this dataset");
  }
}

}  // namespace

/// Adds a variable after all checks; if one fails, the dataset is unchanged.
Dataset& Dataset::add(Variable variable) {
  check_names(variable);
  if (variable.is_text())
    check_text(variable);
  else
    normalise_tensor(variable);
  for (const Variable& other : variables_) check_clash(other, variable);
  for (const std::string& dim : variable.dims)
    if (dim == variable.name && !is_index_of(variable, dim))
      throw UsageError(subject(variable) +
                       ": has its own name among several dimensions; a coordinate must have "
                       "its dimension only");

  const std::vector<std::int64_t> lengths = variable.shape();
  // Lengths are compared before any new dimension is added.
  check_lengths(dims_, variable, lengths);
  for (std::size_t i = 0; i < lengths.size(); ++i)
    if (std::none_of(dims_.begin(), dims_.end(),
                     [&](const auto& dim) { return dim.first == variable.dims[i]; }))
      dims_.emplace_back(variable.dims[i], lengths[i]);
  // By the rule of netCDF: a variable with the name of its only dimension is its coordinate.
  if (is_index_of(variable, variable.name)) variable.coordinate = true;
  variables_.push_back(std::move(variable));
  return *this;
}

Dataset& Dataset::add(std::string name, std::vector<std::string> dims, at::Tensor values,
                      std::string units, std::string long_name, Holds holds) {
  return add({.name = std::move(name),
              .dims = std::move(dims),
              .tensor = std::move(values),
              .units = std::move(units),
              .long_name = std::move(long_name),
              .holds = holds});
}

Dataset& Dataset::add(std::string name, std::string dim, std::vector<std::string> values,
                      std::string long_name) {
  return add({.name = std::move(name),
              .dims = {std::move(dim)},
              .strings = std::move(values),
              .long_name = std::move(long_name)});
}

Dataset& Dataset::add_coordinate(const std::string& name, at::Tensor values,
                                 std::string long_name) {
  return add({.name = name,
              .dims = {name},
              .tensor = std::move(values),
              .long_name = std::move(long_name),
              .coordinate = true});
}

Dataset& Dataset::add_coordinate(const std::string& name, std::vector<std::string> values,
                                 std::string long_name) {
  return add({.name = name,
              .dims = {name},
              .strings = std::move(values),
              .long_name = std::move(long_name),
              .coordinate = true});
}

/// The variable is searched twice, because `operator[]` gives a constant one with a message if it
/// is missing.
Dataset& Dataset::set_attribute(const std::string& variable, const std::string& name,
                                Attribute value) {
  (*this)[variable];  // throws if it is missing
  const auto own = std::find_if(variables_.begin(), variables_.end(),
                                [&](const Variable& one) { return one.name == variable; });
  own->attributes[name] = std::move(value);
  return *this;
}

bool Dataset::contains(const std::string& name) const {
  return std::any_of(variables_.begin(), variables_.end(),
                     [&](const Variable& variable) { return variable.name == name; });
}

const Variable& Dataset::operator[](const std::string& name) const {
  for (const Variable& variable : variables_)
    if (variable.name == name) return variable;
  throw UsageError("dataset: variable '" + name + "' not found; the dataset has " +
                   joined_names(variables_));
}

std::int64_t Dataset::dim(const std::string& name) const {
  for (const auto& [known, length] : dims_)
    if (known == name) return length;
  std::string names;
  for (const auto& dim : dims_) names += (names.empty() ? "'" : ", '") + dim.first + "'";
  throw UsageError("dataset: dimension '" + name + "' not found; the dataset has " +
                   (names.empty() ? "none" : names));
}

}  // namespace lensbench
