#include "translators.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <utility>

namespace lensbench::tuned {

Translators Translators::zero(const TransformerSpec& spec) {
  return {at::zeros({spec.n_layers, spec.d_model, spec.d_model}),
          at::zeros({spec.n_layers, spec.d_model})};
}

at::Tensor Translators::apply(std::int64_t layer, const at::Tensor& stream) const {
  const at::Tensor wide = stream.to(at::Device(at::kCPU), at::kFloat);
  return at::addmm(wide, wide, weight[layer].t()).add_(bias[layer]);
}

std::vector<at::Tensor> read_streams(const Model& model, const Tokens& tokens,
                                     const std::vector<std::int64_t>& rows) {
  const c10::NoGradGuard no_gradients;
  const TransformerSpec& spec = model.spec();
  std::vector<at::Tensor> streams(static_cast<std::size_t>(spec.n_layers) + 1);
  Hooks hooks;
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    hooks.read(residual_hook(spec, layer),
               [&streams, &rows, layer](const at::Tensor& stream, const HookPoint&) {
                 const at::Tensor one = stream.select(0, 0).to(at::Device(at::kCPU));
                 streams[static_cast<std::size_t>(layer)] =
                     rows.empty() ? one : one.index_select(0, at::tensor(rows));
               });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  model.forward(make_batch(tokens), options, hooks);
  return streams;
}

at::Tensor normalised(const Model& model, const at::Tensor& rows) {
  const at::Device device = model.options().device;
  // The norm is computed in the type of its rows. Only the projection to another width has a
  // matrix, whose type the rows must have.
  const bool projected = model.spec().d_embedding != 0;
  const at::Tensor given = projected ? rows.to(device, model.options().dtype) : rows.to(device);
  return model.final_norm(given).to(at::Device(at::kCPU), at::kFloat);
}

}  // namespace lensbench::tuned
