#pragma once

#include <lensbench/dataset.hpp>
#include <map>
#include <optional>
#include <string>

#include "archive/hdf5/hdf5.hpp"

namespace lensbench {

/// Writes one attribute: int64 and float64 scalars, variable-length UTF-8 strings, lists of them.
/// \throws RunError; UsageError for text that is not UTF-8 without NUL, or a list over 4,000 long
void write_attribute(hid_t object, const std::string& name, const Attribute& value);

/// All attributes by name, without those that HDF5's dimension scales keep for themselves.
/// \throws InputError for a type no lensbench archive has
std::map<std::string, Attribute> read_attributes(hid_t object, const std::string& path);

/// An attribute of HDF5's own bookkeeping (CLASS, NAME, DIMENSION_LIST, REFERENCE_LIST, ...).
bool is_bookkeeping(const std::string& attribute);

/// A text attribute, or nothing where there is none or it is no text.
std::optional<std::string> text_attribute(hid_t object, const std::string& path,
                                          const std::string& name);

}  // namespace lensbench
