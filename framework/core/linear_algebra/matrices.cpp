#include "core/linear_algebra/matrices.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <sstream>

// Checks and conversion of the arguments of all decompositions.

namespace lensbench::linear_algebra {
namespace {

std::string shape_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

at::Tensor widened(const at::Tensor& tensor, const std::string& subject, std::int64_t axes) {
  if (!tensor.defined() || tensor.dim() != axes || tensor.numel() == 0)
    throw UsageError(subject + ": found " + shape_of(tensor) + ", expected " +
                     (axes == 1 ? "a vector" : "a matrix") + " with at least one entry");
  if (tensor.is_complex())
    throw UsageError(subject + ": found complex numbers, expected real ones");
  const at::Tensor wide = tensor.detach().to(at::kCPU).to(at::kDouble).contiguous();
  if (!at::isfinite(wide).all().item<bool>())
    throw UsageError(subject + ": found NaN or infinity, expected finite numbers");
  return wide;
}

/// Symmetric up to rounding is accepted and made exact, since LAPACK reads only one triangle.
at::Tensor symmetric(const at::Tensor& matrix, const std::string& subject) {
  const at::Tensor wide = widened(matrix, subject, 2);
  if (wide.size(0) != wide.size(1))
    throw UsageError(subject + ": found " + shape_of(wide) + ", expected a square matrix");
  const double difference = (wide - wide.t()).abs().max().item<double>();
  if (difference > 1e-6 * wide.abs().max().item<double>())
    throw UsageError(subject + ": found a matrix that differs from its transpose by up to " +
                     std::to_string(difference) + ", expected a symmetric one");
  return (wide + wide.t()) / 2;
}

}  // namespace lensbench::linear_algebra
