#pragma once

#include <string_view>

namespace lensbench {

/// Whether `name` is valid for a variable, dimension or attribute: [A-Za-z][A-Za-z0-9_.]* (CF
/// conventions, section 2.3, and in addition the dot, which hook names contain).
bool is_variable_name(std::string_view name);

/// Whether two names are equal up to the case of ASCII letters, independent of the locale.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace lensbench
