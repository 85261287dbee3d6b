#include "effects.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <lensbench/sweep.hpp>
#include <lensbench/sweep_receipts.hpp>
#include <map>
#include <string>

namespace lensbench::neurons {
namespace {

constexpr const char* kPoint = "mlp.hook_post";

std::string hook_of(std::int64_t block) {
  return "blocks." + std::to_string(block) + "." + kPoint;
}

/// A run in which one neuron has other activations at all positions.
SweepCell cell_of(const std::map<std::string, at::Tensor>& posts, const NeuronId& neuron,
                  const at::Tensor& activation) {
  CellWrite write{kPoint, neuron.block, {}, {}, posts.at(hook_of(neuron.block)).clone()};
  write.values.select(1, neuron.index).copy_(activation);
  return {{std::move(write)}};
}

}  // namespace

Effects effects_of(Context& context, const Tokens& prompt, const std::vector<NeuronId>& neurons,
                   const Target& target, const NeuronExplorerOptions& options, Dataset& dataset) {
  const Model& model = context.model();
  std::map<std::string, at::Tensor> posts;
  std::vector<std::string> hooks = {residual_hook(model.spec(), model.spec().n_layers)};
  for (const auto& list : {neurons, options.interpolate})
    for (const NeuronId& neuron : list) hooks.push_back(hook_of(neuron.block));
  at::Tensor stream;
  for (auto& [name, value] : context.activations(prompt, hooks))
    if (name == hooks.front())
      stream = value[0];
    else
      posts[name] = value[0];
  const auto column = [&](const NeuronId& neuron) {
    return posts.at(hook_of(neuron.block)).select(1, neuron.index);
  };
  MetricReader reader("neuron_explorer", model, prompt, stream, target, options.metric);
  reader.set_base(stream[reader.position()]);
  reader.describe(dataset);

  Effects out;
  std::vector<at::Tensor> activations;
  std::vector<SweepCell> cells;
  for (const NeuronId& neuron : neurons) {
    activations.push_back(column(neuron));
    for (const double factor : options.factors)
      cells.push_back(cell_of(posts, neuron, column(neuron) * factor));
  }
  std::vector<double> mixes;
  if (options.interpolate.size() == 2)
    for (int i = 0; i <= 10; ++i) mixes.push_back(i / 10.0);
  for (const double mix : mixes)
    cells.push_back(
        cell_of(posts, options.interpolate[0],
                column(options.interpolate[0]) * (1 - mix) + column(options.interpolate[1]) * mix));
  out.activation = at::stack(activations).to(at::kDouble);
  out.units = reader.units();
  SweepOptions sweep;
  sweep.metric_position = reader.position();
  const RowMetrics metrics = reader.rows();
  if (cells.empty()) {
    out.base = reader(stream.narrow(0, reader.position(), 1)).item<double>();
    return out;
  }
  const SweepResult result = sweep_cells(model, prompt, cells, metrics, sweep);
  out.base = result.base_metrics.view({-1})[0].item<double>();
  const at::Tensor effect = result.metrics.view({-1}) - out.base;
  const std::int64_t factors = std::ssize(options.factors), scaled = std::ssize(neurons) * factors;
  if (factors > 0)
    out.scale_effect = effect.narrow(0, 0, scaled).view({std::ssize(neurons), factors});
  if (!mixes.empty()) {
    out.mixes = at::tensor(mixes);
    out.interpolation = effect.narrow(0, scaled, std::ssize(mixes));
  }
  const SweepCheck check{model, prompt, cells, metrics, sweep, result};
  out.receipts = {self_replacement(check, {kPoint}), batched_equals_single(check)};
  // A neuron that is 0 has no effect, and one of a later position may have none.
  if (out.activation.select(1, reader.position()).ne(0).any().item<bool>())
    out.receipts.push_back(some_write_has_effect(check, std::ssize(cells)));
  return out;
}

}  // namespace lensbench::neurons
