#include "optimiser.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/adam.hpp"

namespace lensbench::dictionaries {
namespace {

constexpr double kLongest = 1;

std::array<at::Tensor, 4> parts(const Weights& weights) {
  return {weights.encoder, weights.encoder_bias, weights.decoder, weights.decoder_bias};
}

void shorten(const Weights& gradient) {
  double squares = 0;
  for (const at::Tensor& part : parts(gradient))
    squares += part.square().sum(at::kDouble).item<double>();
  const double length = std::sqrt(squares);
  if (!(length > kLongest)) return;
  for (at::Tensor& part : parts(gradient)) part.mul_(kLongest / length);
}

}  // namespace

Adam Adam::zero(std::int64_t features, std::int64_t width) {
  return {Weights::zero(features, width), Weights::zero(features, width)};
}

void Adam::step(Weights& weights, Weights& gradient, double rate, std::int64_t step) {
  const at::Tensor along = (gradient.decoder * weights.decoder).sum(1, /*keepdim=*/true);
  gradient.decoder.sub_(weights.decoder * along);
  shorten(gradient);
  auto own = parts(weights), gradients = parts(gradient), means = parts(mean);
  auto squares = parts(square);
  for (std::size_t i = 0; i < own.size(); ++i)
    adam_step(own[i], gradients[i], means[i], squares[i], rate, step);
  weights.decoder.div_(weights.decoder.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-12));
}

double rate_of(const SparseAutoencoderTraining& training, std::int64_t step) {
  const auto steps = static_cast<double>(training.steps);
  const double left = (steps - static_cast<double>(step)) / (steps / 5);
  return training.learning_rate * std::min(1.0, left);
}

}  // namespace lensbench::dictionaries
