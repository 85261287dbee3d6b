#pragma once

#include <functional>

namespace lensbench::cli {

/// Runs `work` and turns an exception into one sentence on stderr and an exit code.
int report_errors(const std::function<int()>& work);

}  // namespace lensbench::cli
