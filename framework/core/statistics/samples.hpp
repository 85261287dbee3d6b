#pragma once

#include <limits>
#include <vector>

namespace lensbench::statistics {

/// The value of a statistic that too few samples define.
inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// The samples that are not NaN.
std::vector<double> present(const std::vector<double>& values);

/// Whether all samples are equal. By comparison, since the rounding of the mean would leave a
/// constant list some variance.
bool is_constant(const std::vector<double>& values);

}  // namespace lensbench::statistics
