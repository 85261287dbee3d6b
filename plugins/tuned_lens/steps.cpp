#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "training.hpp"

// One step of a training.

namespace lensbench::tuned {
namespace {

/// Calls `use(first, count)` with tiles of the rows of a window.
template <class Use>
void for_each_tile(const Divergence& divergence, std::int64_t rows, const Use& use) {
  const std::int64_t size = divergence.even_tile(rows);
  for (std::int64_t first = 0; first < rows; first += size)
    use(first, std::min(size, rows - first));
}

/// Divergence of the rows of one layer and the gradient by the translated rows, [row, d_model]. Of
/// the norm alone a graph is recorded: its rows are few, and every family has its own.
at::Tensor gradient_of_rows(const Model& model, Divergence& divergence, const at::Tensor& rows,
                            at::Tensor& kl) {
  const at::Tensor leaf = rows.detach().requires_grad_(true);
  const c10::AutoGradMode with_graph(true);
  const at::Tensor normal = normalised(model, leaf);
  kl = divergence.of(normal.detach());
  normal.backward(divergence.gradient());
  return leaf.grad();
}

}  // namespace

StepSums::StepSums(const TransformerSpec& spec)
    : gradient(Translators::zero(spec)), divergence(at::zeros({spec.n_layers}, at::kDouble)) {}

void add_rows(const Model& model, Divergence& divergence, const Translators& translators,
              const std::vector<at::Tensor>& streams, bool bias_only, StepSums& sums) {
  const c10::NoGradGuard no_gradients;
  const std::int64_t rows = streams.back().size(0), layers = sums.divergence.size(0);
  for_each_tile(divergence, rows, [&](std::int64_t first, std::int64_t count) {
    divergence.set_reference(normalised(model, streams.back().narrow(0, first, count)));
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      const at::Tensor stream =
          streams[static_cast<std::size_t>(layer)].narrow(0, first, count).to(at::kFloat);
      at::Tensor kl;
      const at::Tensor gradient =
          gradient_of_rows(model, divergence, translators.apply(layer, stream), kl);
      sums.divergence[layer].add_(kl.sum());
      sums.gradient.bias[layer].add_(gradient.sum(0));
      if (!bias_only) sums.gradient.weight[layer].addmm_(gradient.t(), stream);
    }
  });
  sums.rows += rows;
}

at::Tensor divergences(const Model& model, Divergence& divergence, const Translators& translators,
                       const std::vector<at::Tensor>& streams) {
  const c10::NoGradGuard no_gradients;
  const std::int64_t layers = translators.bias.size(0);
  at::Tensor sums = at::zeros({layers}, at::kDouble);
  for_each_tile(divergence, streams.back().size(0), [&](std::int64_t first, std::int64_t count) {
    divergence.set_reference(normalised(model, streams.back().narrow(0, first, count)));
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      const at::Tensor stream = streams[static_cast<std::size_t>(layer)].narrow(0, first, count);
      sums[layer].add_(divergence.of(normalised(model, translators.apply(layer, stream))).sum());
    }
  });
  return sums;
}

Trainer::Trainer(const Model& given, const TunedLensTraining& options)
    : model(given),
      training(options),
      translators(Translators::zero(given.spec())),
      optimiser(given.spec(), options),
      divergence(given) {}

at::Tensor Trainer::step(const std::vector<TrainingWindow>& windows, std::int64_t step) {
  StepSums sums(model.spec());
  for (const TrainingWindow& window : windows)
    add_rows(model, divergence, translators, read_streams(model, window.tokens, window.rows),
             training.bias_only, sums);
  const auto rows = static_cast<double>(sums.rows);
  sums.gradient.weight.div_(rows);
  sums.gradient.bias.div_(rows);
  optimiser.step(translators, sums.gradient, step);
  return sums.divergence / rows;
}

}  // namespace lensbench::tuned
