#pragma once

#include <lensbench/dataset.hpp>
#include <map>
#include <optional>
#include <string>

#include "archive/hdf5/hdf5.hpp"

namespace lensbench {

/// Writes one attribute: an int64 or float64 scalar, a variable-length UTF-8 string, or a list of
/// such strings.
/// \throws RunError; UsageError for text that is not UTF-8 without NUL, or for a list of more
///   than 3,500 texts
void write_attribute(hid_t object, const std::string& name, const Attribute& value);

/// Checks that `write_attribute` takes an attribute. \throws UsageError
void check_attribute(const std::string& name, const Attribute& value);

/// All attributes by name, without those of HDF5's dimension scales (`is_bookkeeping`).
/// \throws InputError for a type that is not allowed in a lensbench archive
std::map<std::string, Attribute> read_attributes(hid_t object, const std::string& path);

/// Whether an attribute is part of HDF5's bookkeeping (CLASS, NAME, DIMENSION_LIST, REFERENCE_LIST,
/// ...).
bool is_bookkeeping(const std::string& attribute);

/// Value of a text attribute; empty if it is missing or not a text.
std::optional<std::string> text_attribute(hid_t object, const std::string& path,
                                          const std::string& name);

}  // namespace lensbench
