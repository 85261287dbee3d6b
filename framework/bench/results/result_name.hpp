#pragma once

#include <string>

namespace lensbench {

/// Checks a result's name. \throws UsageError unless it is [A-Za-z][A-Za-z0-9_]*, at most 128 long
void check_result_name(const std::string& name);

}  // namespace lensbench
