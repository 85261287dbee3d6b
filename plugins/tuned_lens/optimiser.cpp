#include "optimiser.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace lensbench::tuned {

Optimiser::Optimiser(const TransformerSpec& spec, const TunedLensTraining& training)
    : momentum(Translators::zero(spec)), training_(training) {}

/// Clips the gradient as torch.nn.utils.clip_grad_norm_ does, over one layer or over all.
void Optimiser::clip(Translators& gradient) const {
  if (training_.clip == 0) return;
  const std::int64_t layers = gradient.bias.size(0);
  const auto squares = [](const at::Tensor& of) {
    return of.to(at::kDouble).square().sum().item<double>();
  };
  std::vector<double> lengths;
  lengths.reserve(static_cast<std::size_t>(layers));
  double all = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    lengths.push_back(squares(gradient.weight[layer]) + squares(gradient.bias[layer]));
    all += lengths.back();
  }
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const double square =
        training_.clip_over == ClipOver::all ? all : lengths[static_cast<std::size_t>(layer)];
    const double factor = std::min(1.0, training_.clip / (std::sqrt(square) + 1e-6));
    if (factor == 1.0) continue;
    gradient.weight[layer].mul_(factor);
    gradient.bias[layer].mul_(factor);
  }
}

void Optimiser::move(at::Tensor& value, at::Tensor& gradient, at::Tensor& kept,
                     std::int64_t step) const {
  const double beta = training_.momentum;
  const double left =
      static_cast<double>(training_.steps - step) / static_cast<double>(training_.steps);
  gradient.add_(value, training_.weight_decay);
  // At the first step the momentum is 0, and the sum is the gradient.
  kept.mul_(beta).add_(gradient);
  gradient.add_(kept, beta);
  value.sub_(gradient, (1 - beta) * training_.learning_rate * left);
}

void Optimiser::step(Translators& translators, Translators& gradient, std::int64_t step) {
  clip(gradient);
  move(translators.bias, gradient.bias, momentum.bias, step);
  if (!training_.bias_only) move(translators.weight, gradient.weight, momentum.weight, step);
}

}  // namespace lensbench::tuned
