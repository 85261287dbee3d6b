#pragma once

#include <string>

namespace lensbench {

/// \throws UsageError unless the name is [A-Za-z][A-Za-z0-9_]*, at most 128 characters
void check_result_name(const std::string& name);

}  // namespace lensbench
