#include "model/forward/per_head_inputs.hpp"

#include <ATen/ops/bmm.h>
#include <ATen/ops/where.h>

#include <string>

#include "model/forward/attention_core.hpp"
#include "model/forward/linear.hpp"
#include "model/forward/norm.hpp"
#include "model/weights/quantized_tensor.hpp"
#include "model/weights/weight_names.hpp"

namespace lensbench {
namespace {

/// x · W for each head with its own x. The weights come by their TransformerLens names (`W_Q`),
/// which hide how the file stores them.
/// \param x [batch, pos, head, d_model] \return [batch, pos, head, d_head]
at::Tensor project(const ForwardState& state, std::int64_t layer, char letter,
                   const at::Tensor& x) {
  const std::string prefix = "blocks." + std::to_string(layer) + ".attn.";
  const at::Tensor w = readable(named_weight(state.spec, state.weights, prefix + "W_" + letter));
  const at::Tensor b = named_weight(state.spec, state.weights, prefix + "b_" + letter);
  const at::ScalarType wide = accumulation_type(x.scalar_type());
  const at::Tensor rows = x.flatten(0, 1).transpose(0, 1).to(wide);
  at::Tensor heads = at::bmm(rows, w.to(wide)).transpose(0, 1);
  if (b.defined()) heads = heads.add(b.to(wide));
  return heads.to(x.scalar_type()).reshape({x.size(0), x.size(1), x.size(2), w.size(2)});
}

/// Norm that the attention of this block reads its input through, if it has one before it.
at::Tensor normalised(const ForwardState& state, std::int64_t layer, const at::Tensor& x) {
  const NormWeights& ln1 = state.weights.blocks[static_cast<std::size_t>(layer)].ln1;
  const bool before = state.spec.norm_placement == NormPlacement::before ||
                      state.spec.norm_placement == NormPlacement::before_and_after;
  return before ? apply_norm(state.spec.norm, ln1, x) : x;
}

}  // namespace

PerHeadInputs per_head_inputs(const ForwardState& state, std::int64_t layer, const at::Tensor& x) {
  // Heads of latent attention do not have inputs of their own.
  if (state.spec.latent) return {};
  const HookSite hooks(state.plan, layer);
  const bool together = hooks.wants(Point::attn_in);
  // Views without memory of their own: only hooks that replace them make real copies.
  const auto copies = [&](std::int64_t heads) {
    return x.unsqueeze(2).expand({x.size(0), x.size(1), heads, x.size(2)});
  };
  const AttentionSpec& spec = state.spec.attention;
  const at::Tensor all =
      together ? hooks.apply(Point::attn_in, copies(spec.n_heads)) : at::Tensor();
  const auto own = [&](Point point, std::int64_t heads) {
    if (!together && !hooks.wants(point)) return at::Tensor();
    // Separate tensors for q, k and v, so that each gradient is that of one path alone.
    at::Tensor input = hooks.apply(point, together ? all.view_as(all) : copies(heads));
    // One product for all heads differs from products per head in the last bit. A hook that only
    // reads must not change the result, so unchanged inputs keep the one product.
    return !state.gradients && same_values(input, copies(heads)) ? at::Tensor() : input;
  };
  PerHeadInputs inputs;
  inputs.q = own(Point::q_input, spec.n_heads);
  inputs.k = own(Point::k_input, spec.n_key_value_heads);
  inputs.v = own(Point::v_input, spec.n_key_value_heads);
  inputs.residual = x;
  return inputs;
}

void project_own(const ForwardState& state, std::int64_t layer, const PerHeadInputs& own,
                 const at::Tensor& normed, Heads& heads) {
  const auto replace = [&](char letter, const at::Tensor& input, at::Tensor& projected) {
    if (!input.defined()) return;
    // Changed inputs differ between heads, so they have norms of their own.
    at::Tensor x = normalised(state, layer, input);
    if (!state.gradients)
      // Heads with an unchanged input read the common norm, including changes by hooks.
      x = at::where(input.eq(own.residual.unsqueeze(2)).all(-1, true), normed.unsqueeze(2), x);
    projected = project(state, layer, letter, x);
  };
  replace('Q', own.q, heads.q);
  replace('K', own.k, heads.k);
  replace('V', own.v, heads.v);
}

}  // namespace lensbench
