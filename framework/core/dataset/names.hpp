#pragma once

#include <lensbench/export.hpp>
#include <string_view>

namespace lensbench {

/// [A-Za-z][A-Za-z0-9_.]*: what variables, dimensions and attributes are called (CF, section 2.3,
/// and the dot that hook names have).
LENSBENCH_API bool is_variable_name(std::string_view name);

/// ASCII letters only, whatever the locale.
LENSBENCH_API bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace lensbench
