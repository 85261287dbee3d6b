#pragma once

#include <lensbench/hypothesis.hpp>
#include <limits>
#include <vector>

namespace lensbench::statistics {

/// Value of a statistic with too few samples.
inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// Copy of the samples without NaN.
std::vector<double> present(const std::vector<double>& values);

/// Whether all samples are equal. Values are compared, because rounding of the mean gives a
/// constant list a variance greater than 0.
bool is_constant(const std::vector<double>& values);

/// Checks number of samples and confidence. \throws UsageError for values out of range
void check_resampling(const Resampling& resampling);

}  // namespace lensbench::statistics
