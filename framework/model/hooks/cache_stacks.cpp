#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <utility>

#include "model/hooks/stack_parts.hpp"

// Positions are the second axis from the end of a part of the stream, since a cache without the
// batch axis has one axis less before it.

namespace lensbench {

using stacks::checked_layer;
using stacks::in_block;

/// Stream before each block (and before each MLP with incl_mid), up to the input of `layer`.
LabelledStack ActivationCache::accumulated_resid(const AccumulatedResidOptions& options) const {
  const TransformerSpec& spec = model().spec();
  const std::int64_t end = checked_layer(spec, options.layer);
  stacks::require_mlp_input(spec, end, options.mlp_input);
  stacks::StackParts parts;
  const auto add = [&](std::string label, const std::string& hook) {
    parts.add(std::move(label), options.pos_slice.apply((*this)[hook], -2));
  };
  for (std::int64_t l = 0; l < std::min(end + 1, spec.n_layers); ++l) {
    add(std::to_string(l) + "_pre", in_block(l, "hook_resid_pre"));
    if ((options.incl_mid && l < end) || (options.mlp_input && l == end))
      add(std::to_string(l) + "_mid", in_block(l, "hook_resid_mid"));
  }
  if (end == spec.n_layers) add("final_post", residual_hook(spec, end));
  // After the last block the final norm recomputes its scale for each layer, as the logit lens
  // does.
  LabelledStack stack = parts.stack();
  if (options.apply_ln)
    stack.values = apply_ln_to_stack(stack.values, {.layer = end,
                                                    .mlp_input = options.mlp_input,
                                                    .pos_slice = options.pos_slice,
                                                    .recompute_ln = end == spec.n_layers});
  return stack;
}

/// Terms that the stream at `layer` is the sum of: embeddings and the outputs of the sublayers.
LabelledStack ActivationCache::decompose_resid(const DecomposeResidOptions& options) const {
  using Mode = DecomposeResidOptions::Mode;
  const TransformerSpec& spec = model().spec();
  const std::int64_t end = checked_layer(spec, options.layer);
  stacks::require_mlp_input(spec, end, options.mlp_input);
  stacks::require_sum(spec);
  stacks::StackParts parts;
  const auto add = [&](std::string label, const std::string& hook) {
    parts.add(std::move(label), options.pos_slice.apply((*this)[hook], -2));
  };
  if (options.incl_embeds) {
    // Tokens of pictures take the place of embeddings.
    add("embed", spec.vision ? "hook_merged_embed" : "hook_embed");
    if (spec.position == PositionKind::learned) add("pos_embed", "hook_pos_embed");
  }
  for (std::int64_t l = 0; l < end + (options.mlp_input ? 1 : 0); ++l) {
    if (options.mode != Mode::mlp)
      add(std::to_string(l) + "_attn_out", in_block(l, "hook_attn_out"));
    if (options.mode != Mode::attn && l < end)
      add(std::to_string(l) + "_mlp_out", in_block(l, "hook_mlp_out"));
  }
  LabelledStack stack = parts.stack();
  if (options.apply_ln)
    stack.values = apply_ln_to_stack(
        stack.values,
        {.layer = end, .mlp_input = options.mlp_input, .pos_slice = options.pos_slice});
  return stack;
}

at::Tensor ActivationCache::head_outputs(std::int64_t layer, const Slice& pos_slice) const {
  // [..., pos, head, d_model or d_head]
  const std::string result = in_block(layer, "attn.hook_result");
  at::Tensor heads;
  if (contains(result)) {
    heads = pos_slice.apply((*this)[result], -3);
  } else {
    const at::Tensor z = pos_slice.apply((*this)[in_block(layer, "attn.hook_z")], -3);
    // W_O splits by head, so each head's term is its z times its own part.
    const at::Tensor w_o = model().weight(in_block(layer, "attn.W_O"));  // [head, d_head, d_model]
    heads = z.unsqueeze(-2).matmul(w_o).squeeze(-2);
  }
  const double scale = model().spec().residual_scale;
  return scale == 1.0 ? heads : heads * scale;
}

/// Output of each head, with the biases of attention left to the remainder.
LabelledStack ActivationCache::stack_head_results(const StackHeadResultsOptions& options) const {
  const TransformerSpec& spec = model().spec();
  const std::int64_t end = checked_layer(spec, options.layer);
  LabelledStack stack;
  std::vector<at::Tensor> blocks;
  for (std::int64_t l = 0; l < end; ++l) {
    blocks.push_back(head_outputs(l, options.pos_slice).movedim(-2, 0));
    for (std::int64_t head = 0; head < blocks.back().size(0); ++head)
      stack.labels.push_back("L" + std::to_string(l) + "H" + std::to_string(head));
  }
  if (options.incl_remainder) {
    const std::string stream = stacks::stream_of_remainder(spec, end, false);
    at::Tensor rest = options.pos_slice.apply((*this)[stream], -2);
    for (const at::Tensor& block : blocks) rest = rest - block.sum(0);
    blocks.push_back(rest.unsqueeze(0));
    stack.labels.emplace_back("remainder");
  }
  stack.values = blocks.empty() ? no_components(options.pos_slice) : at::cat(blocks);
  if (options.apply_ln)
    stack.values = apply_ln_to_stack(stack.values, {.layer = end, .pos_slice = options.pos_slice});
  return stack;
}

/// Stack without components: its axes come from the stream, which every forward has.
at::Tensor ActivationCache::no_components(const Slice& pos_slice) const {
  const at::Tensor stream = pos_slice.apply((*this)["hook_embed"], -2);
  std::vector<std::int64_t> shape = stream.sizes().vec();
  shape.insert(shape.begin(), 0);
  return at::zeros(shape, stream.options());
}

/// Terms down to heads and, with expand_neurons, neurons; the output biases are one term, so that
/// all terms sum to the stream.
LabelledStack ActivationCache::get_full_resid_decomposition(
    const FullResidDecompositionOptions& options) const {
  const TransformerSpec& spec = model().spec();
  const std::int64_t end = checked_layer(spec, options.layer);
  stacks::require_mlp_input(spec, end, options.mlp_input);
  stacks::require_sum_of_heads(spec);
  const ApplyLnOptions norm{
      .layer = end, .mlp_input = options.mlp_input, .pos_slice = options.pos_slice};
  const at::Tensor projection = stacks::as_matrix(spec, options.project_output_onto);
  LabelledStack all;
  std::vector<at::Tensor> values;
  const auto add = [&](LabelledStack part) {
    if (options.apply_ln) part.values = apply_ln_to_stack(part.values, norm);
    if (projection.defined()) part.values = stacks::project(part.values, projection);
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    values.push_back(std::move(part.values));
  };
  const std::int64_t attention_end = end + (options.mlp_input ? 1 : 0);
  add(stack_head_results({.layer = attention_end, .pos_slice = options.pos_slice}));
  if (options.expand_neurons && end > 0) {
    // The stack of neurons applies norm and projection itself, to avoid [neuron, batch, pos,
    // d_model].
    LabelledStack neurons = stack_neuron_results({.layer = end,
                                                  .pos_slice = options.pos_slice,
                                                  .apply_ln = options.apply_ln,
                                                  .project_output_onto = projection,
                                                  .mlp_input = options.mlp_input});
    all.labels.insert(all.labels.end(), neurons.labels.begin(), neurons.labels.end());
    values.push_back(std::move(neurons.values));
  } else if (end > 0) {
    add(decompose_resid({.layer = end,
                         .mode = DecomposeResidOptions::Mode::mlp,
                         .pos_slice = options.pos_slice,
                         .incl_embeds = false}));
  }
  const LabelledStack embeddings = decompose_resid({.layer = 0, .pos_slice = options.pos_slice});
  add(embeddings);
  const at::Tensor bias = stacks::accumulated_bias(model(), end, attention_end,
                                                   options.expand_neurons, embeddings.values[0]);
  add({{"bias"}, bias.expand_as(embeddings.values[0]).unsqueeze(0)});
  all.values = at::cat(values);
  if (options.project_output_onto.dim() == 1) all.values = all.values.squeeze(-1);
  return all;
}

}  // namespace lensbench
