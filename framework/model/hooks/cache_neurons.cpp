#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <utility>

#include "model/hooks/stack_parts.hpp"

namespace lensbench {
namespace {

/// Numbers of the selected neurons of one dense MLP, [neuron] int64. A single index keeps the axis.
at::Tensor neuron_numbers(const TransformerSpec& spec, const Slice& slice) {
  const at::Tensor numbers = slice.apply(at::arange(spec.dense_width(), at::kLong), 0);
  return numbers.dim() == 0 ? numbers.unsqueeze(0) : numbers;
}

}  // namespace

/// One component per neuron, [neuron, batch, pos, d_model]: its activation times its row of W_out.
/// With a projection the last axis is that of the directions.
LabelledStack ActivationCache::stack_neuron_results(
    const StackNeuronResultsOptions& options) const {
  const TransformerSpec& spec = model().spec();
  const std::int64_t end = stacks::checked_layer(spec, options.layer);
  stacks::require_mlp_input(spec, end, options.mlp_input);
  const ApplyLnOptions norm{
      .layer = end, .mlp_input = options.mlp_input, .pos_slice = options.pos_slice};
  const at::Tensor projection = stacks::as_matrix(spec, options.project_output_onto);
  // A norm with a given scale is linear, so its centring and a projection are applied to the
  // weights, and the stack over d_model is never allocated.
  std::optional<stacks::FrozenNorm> folded;
  if (options.apply_ln && projection.defined()) folded = stacks::frozen_norm(*this, spec, norm);

  // The neurons are selected before the product, which thus has only their rows.
  const at::Tensor numbers = neuron_numbers(spec, options.neuron_slice);
  LabelledStack stack;
  std::vector<at::Tensor> blocks;
  for (std::int64_t l = 0; l < end; ++l) {
    at::Tensor post = options.pos_slice.apply((*this)[stacks::in_block(l, "mlp.hook_post")], -2);
    const at::Tensor chosen = numbers.to(post.device());
    post = post.index_select(-1, chosen) * spec.residual_scale;
    at::Tensor w_out = model().weight(stacks::in_block(l, "mlp.W_out")).index_select(0, chosen);
    if (folded && folded->centred) w_out = stacks::centred(w_out);
    if (folded) post = post / folded->scale;
    if (projection.defined()) w_out = stacks::project(w_out, projection);
    blocks.push_back((post.unsqueeze(-1) * w_out).movedim(-2, 0));
    for (std::int64_t i = 0; i < numbers.numel(); ++i)
      stack.labels.push_back("L" + std::to_string(l) + "N" +
                             std::to_string(numbers[i].item<std::int64_t>()));
  }
  if (options.incl_remainder) {
    const std::string stream = stacks::stream_of_remainder(spec, end, options.mlp_input);
    at::Tensor rest = options.pos_slice.apply((*this)[stream], -2);
    if (folded) rest = apply_ln_to_stack(rest.unsqueeze(0), norm).squeeze(0);
    // The remainder is defined by what the neurons leave of the stream.
    if (projection.defined()) rest = stacks::project(rest, projection);
    for (const at::Tensor& block : blocks) rest = rest - block.sum(0);
    blocks.push_back(rest.unsqueeze(0));
    stack.labels.emplace_back("remainder");
  }
  if (blocks.empty()) blocks.push_back(no_components(options.pos_slice));
  stack.values = at::cat(blocks);
  if (end == 0 && !options.incl_remainder && projection.defined())
    stack.values = stacks::project(stack.values, projection);
  if (options.apply_ln && !folded) stack.values = apply_ln_to_stack(stack.values, norm);
  if (options.project_output_onto.dim() == 1) stack.values = stack.values.squeeze(-1);
  return stack;
}

}  // namespace lensbench
