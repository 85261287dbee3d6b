#include "model/hooks/stack_parts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <utility>

namespace lensbench::stacks {

/// Layer n_layers is the input of the final norm; -1 means the same, as in TransformerLens.
std::int64_t checked_layer(const TransformerSpec& spec, std::int64_t layer) {
  if (layer == -1) return spec.n_layers;
  if (layer >= 0 && layer <= spec.n_layers) return layer;
  throw UsageError("activation cache: layer " + std::to_string(layer) +
                   " does not exist; give 0 to " + std::to_string(spec.n_layers) +
                   ", or -1 for all");
}

std::string in_block(std::int64_t layer, const std::string& hook) {
  return "blocks." + std::to_string(layer) + "." + hook;
}

/// `mlp_input` asks for the stream between attention and MLP of a block. \throws UsageError if the
/// model or the layer lacks it
void require_mlp_input(const TransformerSpec& spec, std::int64_t layer, bool mlp_input) {
  if (!mlp_input) return;
  if (layer == spec.n_layers)
    throw UsageError(
        "activation cache: mlp_input needs a block, but the layer is the input of the final norm; "
        "give a layer from 0 to " +
        std::to_string(spec.n_layers - 1));
  match_hook_points(spec, in_block(layer, "hook_resid_mid"));  // parallel blocks lack it
}

/// Decompositions need a stream that is the sum of what was added to it.
void require_sum(const TransformerSpec& spec) {
  if (spec.norm_placement == NormPlacement::after_add)
    throw UsageError(
        "activation cache: this model normalises its stream after each addition, so the stream is "
        "not a sum of its additions; use accumulated_resid");
}

void require_sum_of_heads(const TransformerSpec& spec) {
  require_sum(spec);
  if (spec.norm_placement != NormPlacement::before)
    throw UsageError(
        "activation cache: this model normalises the outputs of its sublayers before the addition, "
        "so the stream is not a sum over heads and neurons; use decompose_resid");
}

/// Stream at which a stack ends: what its parts do not explain is the remainder.
std::string stream_of_remainder(const TransformerSpec& spec, std::int64_t layer, bool mlp_input) {
  if (mlp_input) return in_block(layer, "hook_resid_mid");
  return residual_hook(spec, layer == 0 ? spec.n_layers : layer);
}

/// The scale that the forward itself divided by, from the cache.
std::optional<FrozenNorm> frozen_norm(const ActivationCache& cache, const TransformerSpec& spec,
                                      const ApplyLnOptions& options) {
  const std::int64_t layer = checked_layer(spec, options.layer);
  require_mlp_input(spec, layer, options.mlp_input);
  std::string hook = "ln_final.hook_scale";
  if (layer < spec.n_layers) {
    if (spec.norm_placement == NormPlacement::after_add)
      throw UsageError(
          "activation cache: the blocks of this model normalise after their additions, so a norm "
          "does not read their input; leave out apply_ln");
    hook = in_block(layer, options.mlp_input ? "ln2.hook_scale" : "ln1.hook_scale");
  } else if (spec.masked_language_model) {
    throw UsageError(
        "activation cache: the final norm of a masked-language model does not read the stream, but "
        "the dense layer of its prediction head; use recompute_ln");
  } else if (!spec.final_norm) {
    return std::nullopt;
  }
  // RMSNorm only divides; LayerNorm subtracts the mean of each part first, which is linear as well.
  FrozenNorm norm;
  norm.centred = spec.norm.kind == NormKind::layer_norm;
  norm.scale = options.pos_slice.apply(cache[hook], -2);
  if (cache.has_batch_dim()) norm.scale = options.batch_slice.apply(norm.scale, 0);
  return norm;
}

/// float32 for half precision, since the mean of d_model values loses digits there.
at::Tensor centred(const at::Tensor& x) {
  const at::Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  return wide - wide.mean(-1, /*keepdim=*/true);
}

at::Tensor as_matrix(const TransformerSpec& spec, const at::Tensor& projection) {
  if (!projection.defined()) return {};
  const bool fits = (projection.dim() == 1 || projection.dim() == 2) &&
                    projection.size(0) == spec.d_model && projection.is_floating_point();
  if (!fits)
    throw UsageError(
        "activation cache: project_output_onto is not a float tensor [d_model] or [d_model, "
        "output]; this model has a d_model of " +
        std::to_string(spec.d_model));
  return projection.dim() == 1 ? projection.unsqueeze(-1) : projection;
}

/// The wider of both types, so that a float32 direction is not rounded to half precision.
at::Tensor project(const at::Tensor& x, const at::Tensor& projection) {
  const at::ScalarType wide = c10::promoteTypes(x.scalar_type(), projection.scalar_type());
  return x.to(wide).matmul(projection.to(wide));
}

/// Sum of the output biases of the blocks before `end`, which belong to no head and no neuron.
at::Tensor accumulated_bias(const Model& model, std::int64_t end, std::int64_t attention_end,
                            bool with_mlp, const at::Tensor& like) {
  at::Tensor sum = at::zeros({model.spec().d_model}, like.options());
  const auto add = [&](std::int64_t layer, const char* name) {
    const at::Tensor bias = model.weight(in_block(layer, name));
    if (bias.defined()) sum = sum + bias * model.spec().residual_scale;
  };
  for (std::int64_t l = 0; l < attention_end; ++l) {
    add(l, "attn.b_O");
    if (with_mlp && l < end) add(l, "mlp.b_out");
  }
  return sum;
}

void StackParts::add(std::string label, at::Tensor value) {
  labels.push_back(std::move(label));
  values.push_back(std::move(value));
}

LabelledStack StackParts::stack() {
  if (values.empty())
    throw UsageError(
        "activation cache: these options leave nothing to stack; give a larger layer, or -1 for "
        "all");
  return {std::move(labels), at::stack(values)};
}

}  // namespace lensbench::stacks
