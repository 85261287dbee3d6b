#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace lensbench::statistics {

/// Rows [row, width] in float64 on the CPU, contiguous.
/// \throws UsageError for another shape or values that are not finite
at::Tensor checked_rows(const at::Tensor& rows, std::int64_t width, const std::string& subject);

/// \throws UsageError unless `value` is at least 1
void require_positive(std::int64_t value, const std::string& subject, const char* name);

/// \throws UsageError unless the sizes are equal
void require_equal(std::size_t found, std::size_t expected, const std::string& subject);

/// Tensor [size] float64 of a copy of the values.
at::Tensor vector_of(const std::vector<double>& values);

}  // namespace lensbench::statistics
