#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace lensbench::linear_algebra {

/// An argument in float64 on the CPU, contiguous.
/// \param tensor   the argument
/// \param subject  its name in messages: `thin_svd`
/// \param axes     number of axes that it must have
/// \throws UsageError for another number of axes, an axis of length 0, or values not finite
at::Tensor widened(const at::Tensor& tensor, const std::string& subject, std::int64_t axes);

/// A symmetric matrix, as `widened`, replaced by the mean of itself and its transpose.
/// \throws UsageError if it is not square or not symmetric
at::Tensor symmetric(const at::Tensor& matrix, const std::string& subject);

}  // namespace lensbench::linear_algebra
