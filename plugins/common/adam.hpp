#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdint>

namespace lensbench {

/// A step of Adam (Kingma and Ba 2015, arXiv:1412.6980, with the decays 0.9 and 0.999) in place.
/// \param weight    is changed
/// \param gradient  of the weight
/// \param mean      running mean of gradients, is changed; 0 before the first step
/// \param square    running mean of their squares, is changed; 0 before the first step
/// \param step      number of the step, from 0
inline void adam_step(at::Tensor& weight, const at::Tensor& gradient, at::Tensor& mean,
                      at::Tensor& square, double rate, std::int64_t step) {
  constexpr double kMeanDecay = 0.9, kSquareDecay = 0.999, kLeastDivisor = 1e-8;
  const auto count = static_cast<double>(step + 1);
  const double mean_bias = 1 - std::pow(kMeanDecay, count);
  const double square_bias = 1 - std::pow(kSquareDecay, count);
  mean.mul_(kMeanDecay).add_(gradient, 1 - kMeanDecay);
  square.mul_(kSquareDecay).addcmul_(gradient, gradient, 1 - kSquareDecay);
  const at::Tensor divisor = square.sqrt().div_(std::sqrt(square_bias)).add_(kLeastDivisor);
  weight.addcdiv_(mean, divisor, -rate / mean_bias);
}

}  // namespace lensbench
