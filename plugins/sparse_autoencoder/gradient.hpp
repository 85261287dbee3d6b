#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lensbench::dictionaries {

/// Numbers that a training moves, float32.
struct Weights {
  at::Tensor encoder;       ///< [feature, d]
  at::Tensor encoder_bias;  ///< [feature]
  at::Tensor decoder;       ///< [feature, d]
  at::Tensor decoder_bias;  ///< [d]

  static Weights zero(std::int64_t features, std::int64_t width);
};

/// The loss of a dictionary that keeps the k largest features of each row.
struct LossSettings {
  std::int64_t k = 1;
  double auxiliary = 0;  ///< weight of the part of features that are never active
  at::Tensor dead = {};  ///< [dead] int64, these features; undefined: none
};

/// Loss, its gradient, and the features that were active in a row.
struct LossGradient {
  Weights gradient;
  double squared_error = 0;  ///< sum over rows and coordinates
  double loss = 0;
  at::Tensor active;  ///< [feature] bool
};

/// Mean over rows x [row, d] and coordinates of (x - x̂)², and its gradient (Gao et al. 2024):
///
///     z = (x - b_dec) W_encᵀ + b_enc      x̂ = b_dec + sum over the k largest z > 0 of z_f W_dec[f]
///
/// With dead features, `auxiliary` times the same of the error x - x̂ (as a constant) rebuilt by the
/// d / 2 largest of these; with fewer of them, in proportion (as SAELens).
///
/// Only active features are decoded and differentiated. Sums are in an order that does not depend
/// on the number of threads.
LossGradient loss_gradient(const Weights& weights, const at::Tensor& rows,
                           const LossSettings& settings);

}  // namespace lensbench::dictionaries
