#include "archive/hdf5/storable.hpp"

#include <lensbench/error.hpp>
#include <map>
#include <set>

#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"
#include "core/dataset/names.hpp"
#include "core/text/utf8.hpp"

// What an archive can store: content that HDF5 cannot hold, or that readers of the archive would
// misinterpret, is refused.

namespace lensbench {
namespace {

/// Attributes that `describe_plot` gives to a group.
const std::set<std::string>& plot_attributes() {
  static const std::set<std::string> names = {"NX_class", "signal", "axes"};
  return names;
}

/// Checks that the attributes of one object fit into its header. Numbers and the places of texts
/// are in the header, texts themselves are not.
void check_attributes_fit(const std::string& owner,
                          const std::map<std::string, Attribute>& attributes) {
  constexpr std::size_t kMostBytes = 60'000, kBytes = 64, kTextBytes = 16;
  std::size_t bytes = 0;
  for (const auto& [name, value] : attributes) {
    check_attribute(name, value);
    const auto* texts = std::get_if<std::vector<std::string>>(&value);
    bytes += kBytes + name.size() + kTextBytes * (texts == nullptr ? 1 : texts->size());
  }
  if (bytes > kMostBytes)
    throw UsageError(owner + ": its " + std::to_string(attributes.size()) +
                     " attributes are too large together; use variables instead");
}

void check_receipt(const Receipt& receipt) {
  for (const std::string* text : {&receipt.name, &receipt.note})
    if (!is_storable_text(*text))
      throw UsageError("receipt '" + receipt.name +
                       "': its name or note is not valid UTF-8 without NUL");
}

void check_variable(const Variable& variable) {
  const std::string subject = "variable '" + variable.name + "'";
  check_units(variable);
  if (variable.dims.size() > kMaxAxes)
    throw UsageError(subject + ": has " + std::to_string(variable.dims.size()) + " axes, at most " +
                     std::to_string(kMaxAxes) + " are allowed");
  for (const std::string* text : {&variable.units, &variable.long_name})
    if (!is_storable_text(*text))
      throw UsageError(subject + ": its units or description are not valid UTF-8 without NUL");
  for (const auto& [name, value] : variable.attributes) check_attribute_name(subject, name);
  check_attributes_fit(subject, variable.attributes);
}

}  // namespace

void check_attribute_name(const std::string& owner, const std::string& name) {
  static const std::set<std::string> reserved = {
      "units",        "long_name",     "coordinates", "dtype",     "holds",
      "_FillValue",   "missing_value", "valid_min",   "valid_max", "valid_range",
      "scale_factor", "add_offset",    "calendar",    "bounds",    "grid_mapping",
      "flag_values",  "flag_masks",    "_Unsigned",   "_Encoding"};
  if (!is_variable_name(name) || is_bookkeeping(name) || reserved.count(name) > 0)
    throw UsageError(owner + ": attribute '" + name +
                     "' is reserved or not a valid name for readers of the archive; choose another "
                     "name");
}

void check_group_attribute_name(const std::string& name) {
  check_attribute_name("dataset", name);
  if (plot_attributes().contains(name))
    throw UsageError("dataset: attribute '" + name +
                     "' is reserved for programs that plot the archive; choose another name");
}

void check_units(const Variable& variable) {
  // xarray decodes these units to timedelta64, and units "... since ..." to dates.
  static const std::set<std::string> times = {
      "day",         "days",         "hour",       "hours",       "minute",
      "minutes",     "second",       "seconds",    "millisecond", "milliseconds",
      "microsecond", "microseconds", "nanosecond", "nanoseconds"};
  if (variable.units.empty())
    throw UsageError("variable '" + variable.name +
                     "': units are missing; use '1' for a plain number");
  if (times.count(variable.units) > 0 || variable.units.find(" since ") != std::string::npos)
    throw UsageError("variable '" + variable.name + "': xarray decodes units '" + variable.units +
                     "' as a time; use 's' or 'ms'");
}

void check_storable(const Dataset& dataset) {
  for (const Variable& variable : dataset.variables()) check_variable(variable);
  for (const auto& [name, value] : dataset.attributes) check_group_attribute_name(name);
  check_attributes_fit("dataset", dataset.attributes);
  for (const Receipt& receipt : dataset.receipts) check_receipt(receipt);
}

}  // namespace lensbench
