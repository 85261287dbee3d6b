#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/tools/tuned_lens.hpp>

#include "translators.hpp"

namespace lensbench::tuned {

/// Nesterov's accelerated gradient in the form of torch.optim.SGD: with the gradient g (clipped,
/// plus the decay), the momentum m becomes beta m + g (g at the first step), and the translators
/// lose rate (g + beta m). The rate is (1 - beta) times `learning_rate` and falls linearly to 0,
/// as in the Python library, which undoes the factor 1 / (1 - beta) of the momentum.
class Optimiser {
 public:
  Optimiser(const TransformerSpec& spec, const TunedLensTraining& training);

  /// Takes a step. \param gradient  of the mean loss; used up \param step  counted from 0
  void step(Translators& translators, Translators& gradient, std::int64_t step);

  Translators momentum;  ///< state, for an interruption

 private:
  void clip(Translators& gradient) const;
  void move(at::Tensor& value, at::Tensor& gradient, at::Tensor& kept, std::int64_t step) const;

  TunedLensTraining training_;
};

}  // namespace lensbench::tuned
