#pragma once

#include <lensbench/dataset.hpp>
#include <string>

namespace lensbench {

/// \throws UsageError for units that are missing, or that xarray would decode as a time
void check_units(const Variable& variable);

/// \param owner  the object that has the attribute, for the error
/// \throws UsageError for a name with a meaning of its own for readers of the archive
void check_attribute_name(const std::string& owner, const std::string& name);
/// Checks the name of an attribute of a whole dataset. \throws UsageError
void check_group_attribute_name(const std::string& name);

}  // namespace lensbench
