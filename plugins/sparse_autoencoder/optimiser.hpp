#pragma once

#include <cstdint>
#include <lensbench/tools/sparse_autoencoder.hpp>

#include "gradient.hpp"

namespace lensbench::dictionaries {

/// Adam (Kingma and Ba 2015) with decoder rows of length 1: the gradient along a row is left out,
/// and rows are brought back to the length after each step. Gradients longer than 1 are shortened
/// to 1, all together.
struct Adam {
  Weights mean, square;  ///< running means of gradients and of their squares

  static Adam zero(std::int64_t features, std::int64_t width);
  /// Takes a step.
  /// \param gradient  is changed
  /// \param step      number of the step, from 0
  void step(Weights& weights, Weights& gradient, double rate, std::int64_t step);
};

/// Rate of a step: `learning_rate`, which falls linearly to 0 in the last fifth of the steps.
double rate_of(const SparseAutoencoderTraining& training, std::int64_t step);

}  // namespace lensbench::dictionaries
