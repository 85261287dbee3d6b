#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lensbench::probing {

/// Settings of `fit_softmax`.
struct SoftmaxOptions {
  double lambda = 1;              ///< weight of the penalty, above 0
  double tolerance = 1e-8;        ///< largest norm of the gradient at the solution
  std::int64_t iterations = 100;  ///< most Newton steps
  /// Most coefficients whose curvature is kept as a matrix; of more, each step is found by
  /// conjugate gradients.
  std::int64_t most_dense = 2048;
};

/// Coefficients of `fit_softmax`.
struct SoftmaxFit {
  at::Tensor weights;     ///< [class, feature] float64
  at::Tensor intercepts;  ///< [class] float64, whose sum is 0
  double gradient_norm = 0;
};

/// Multinomial logistic regression: the W and b that minimise
/// sum_i (ln sum_c exp(z_ic) - z_i,y(i)) + lambda |W|² / 2 with z = x W^T + b, by Newton's method.
/// \param rows    x, [row, feature] float64
/// \param labels  y, [row] int64
/// \throws RunError if it does not converge
SoftmaxFit fit_softmax(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes,
                       const SoftmaxOptions& options = {});

}  // namespace lensbench::probing
