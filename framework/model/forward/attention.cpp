#include "model/forward/attention.hpp"

#include <ATen/ops/bmm.h>

#include "model/forward/attention_core.hpp"
#include "model/forward/latent_attention.hpp"
#include "model/forward/linear.hpp"
#include "model/forward/norm.hpp"
#include "model/forward/past.hpp"
#include "model/runtime/profiled.hpp"
#include "model/weights/quantized_tensor.hpp"

namespace lensbench {
namespace {

/// [batch, pos, n * d_head] -> [batch, pos, n, d_head], a view.
at::Tensor split_heads(const at::Tensor& x, std::int64_t d_head) {
  return x.view({x.size(0), x.size(1), x.size(2) / d_head, d_head});
}

/// Queries, keys and values of all heads. A fused matrix is multiplied once; its outputs are either
/// all queries, keys, values, or, by key head, its queries, its key and its value.
Heads project(const ForwardState& state, const BlockWeights& weights, const at::Tensor& x) {
  const AttentionSpec& spec = state.spec.attention;
  const std::int64_t d = spec.d_head;
  if (!weights.qkv.weight.defined())
    return {split_heads(linear(x, weights.q), d), split_heads(linear(x, weights.k), d),
            split_heads(linear(x, weights.v), d)};
  const at::Tensor heads = split_heads(linear(x, weights.qkv), d);
  const std::int64_t n = spec.n_heads, kv = spec.n_key_value_heads;
  if (spec.fused_by_group) {
    const std::int64_t group = n / kv;
    const at::Tensor groups = heads.view({x.size(0), x.size(1), kv, group + 2, d});
    return {groups.narrow(3, 0, group).flatten(2, 3), groups.select(3, group),
            groups.select(3, group + 1)};
  }
  return {heads.narrow(2, 0, n), heads.narrow(2, n, kv), heads.narrow(2, n + kv, kv)};
}

/// \param x [batch, pos, head, d_head] \return the same shape
at::Tensor normed(const ForwardState& state, const HookSite& hooks, const NormWeights& weights,
                  const at::Tensor& x, NormPoints points) {
  const AttentionSpec& spec = state.spec.attention;
  // A norm over all heads sees them as one axis.
  const at::Tensor input = spec.query_key_norm_whole ? x.flatten(2) : x;
  return apply_norm(*spec.query_key_norm, weights, input, hooks, points, state.gradients)
      .view(x.sizes());
}

/// Queries, keys or values within ± the limit of OLMo and MPT, if there is one.
at::Tensor within_limit(const TransformerSpec& spec, const at::Tensor& x) {
  const double limit = spec.projection_limit;
  if (limit == 0.0) return x;
  // float16 on a CPU cannot be clamped.
  return x.to(accumulation_type(x.scalar_type())).clamp(-limit, limit).to(x.scalar_type());
}

/// Factor of each query [batch or 1, 1, pos, 1] float32, which grows with its position.
/// \param first  number of the first position
at::Tensor query_growth(const TransformerSpec& spec, const at::Tensor& positions,
                        std::int64_t first) {
  const at::Tensor times =
      positions.add(first).div(spec.query_growth_positions, "floor").to(at::kFloat);
  return times.log1p().mul(spec.query_growth).add(1.0).unsqueeze(1).unsqueeze(-1);
}

/// Queries [batch, head, pos, d_head] of a block, which some models let grow with their position.
at::Tensor grown(const ForwardState& state, std::int64_t layer, const at::Tensor& queries) {
  const TransformerSpec& spec = state.spec;
  const at::ScalarType type = queries.scalar_type();
  if (spec.query_growth == 0.0) return queries;
  if (!state.weights.settings.growth_without_rotation)
    return queries.mul(query_growth(spec, state.positions, 0).to(type));
  // Llama 4 rounds the product and not the factor.
  return spec.rotates(layer) ? queries
                             : queries.mul(query_growth(spec, state.positions, 1)).to(type);
}

/// Rotates x [batch, pos, head, d_head] and runs the hook in that shape. In a block without
/// rotation the hook sees x as it is.
/// \return [batch, head, pos, d_head]
at::Tensor rotated(const ForwardState& state, std::int64_t layer, const HookSite& hooks,
                   Point point, const at::Tensor& x) {
  // Windowed blocks of Gemma 3 have angles of their own.
  const bool local = state.spec.local_rope && state.spec.attention.window(layer) > 0;
  at::Tensor result = x.transpose(1, 2);
  if (state.spec.rotates(layer))
    result = rotate(local ? *state.spec.local_rope : *state.spec.rope,
                    local ? state.local_rope : state.rope, result);
  if (point == Point::rot_q) result = grown(state, layer, result);
  if (!hooks.wants(point)) return result;
  return hooks.apply(point, result.transpose(1, 2)).transpose(1, 2);
}

/// Keys are kept after rotation, so the position of a cached key is not needed again.
void rotate_and_cache(const ForwardState& state, std::int64_t layer, const HookSite& hooks,
                      Heads& heads) {
  if (state.spec.rope) {
    heads.q = rotated(state, layer, hooks, Point::rot_q, heads.q);
    heads.k = rotated(state, layer, hooks, Point::rot_k, heads.k);
  } else {
    heads.q = heads.q.transpose(1, 2);
    heads.k = heads.k.transpose(1, 2);
  }
  const auto all = with_past(state, layer, heads.k, heads.v.transpose(1, 2));
  heads.k = all.keys;
  heads.v = all.values;
}

/// z · W_O of each head separately. \return [batch, pos, head, d_model]
at::Tensor head_results(const at::Tensor& z, const at::Tensor& w_o) {
  const std::int64_t batch = z.size(0), pos = z.size(1), heads = z.size(2), d = z.size(3);
  const at::ScalarType wide = accumulation_type(z.scalar_type());
  const at::Tensor rows = z.reshape({batch * pos, heads, d}).transpose(0, 1).to(wide);
  const at::Tensor w = w_o.reshape({heads, d, w_o.size(1)}).to(wide);
  return at::bmm(rows, w)
      .transpose(0, 1)
      .to(z.scalar_type())
      .reshape({batch, pos, heads, w_o.size(1)});
}

/// Output projection. The terms of single heads [batch, pos, head, d_model], n_heads times the
/// stream, exist only for the hook `result`.
at::Tensor project_out(const ForwardState& state, const BlockWeights& weights,
                       const HookSite& hooks, const at::Tensor& z) {
  const auto flat = [&] { return linear(z.flatten(2), weights.o); };
  if (!hooks.wants(Point::result)) return flat();
  const at::Tensor result = head_results(z, readable(weights.o.weight));
  const at::Tensor hooked = hooks.apply(Point::result, result);
  // One product over all heads differs from the sum over heads in the last bit. A hook that only
  // reads must not change the result, so the sum is used only where a hook changed it.
  if (!state.gradients && same_values(result, hooked)) return flat();
  const at::Tensor sum = hooked.sum(2);
  return weights.o.bias.defined() ? sum.add(weights.o.bias) : sum;
}

/// Rotated queries of the new positions, keys and values of all positions, [batch, head, pos,
/// d_head].
Heads plain_heads(const ForwardState& state, std::int64_t layer, const at::Tensor& x,
                  const PerHeadInputs& own) {
  const BlockWeights& weights = state.weights.blocks[static_cast<std::size_t>(layer)];
  const HookSite hooks(state.plan, layer);
  Heads heads = project(state, weights, x);
  if (own.any()) project_own(state, layer, own, x, heads);
  // The hooks q, k and v come before the norm of queries and keys and before the rotation.
  heads.q = hooks.apply(Point::q, heads.q);
  heads.k = hooks.apply(Point::k, heads.k);
  // The hook of the values sees what the pattern multiplies.
  heads.v = hooks.apply(Point::v, within_limit(state.spec, heads.v));
  if (has_query_key_norm(state.spec, layer)) {
    heads.q = normed(state, hooks, weights.q_norm, heads.q,
                     {Point::q_norm_scale, Point::q_norm_normalized});
    heads.k = normed(state, hooks, weights.k_norm, heads.k,
                     {Point::k_norm_scale, Point::k_norm_normalized});
  }
  heads.q = within_limit(state.spec, heads.q);
  heads.k = within_limit(state.spec, heads.k);
  rotate_and_cache(state, layer, hooks, heads);
  return heads;
}

}  // namespace

at::Tensor attention(const ForwardState& state, MaskCache& masks, std::int64_t layer,
                     const at::Tensor& x, const PerHeadInputs& own) {
  const BlockWeights& weights = state.weights.blocks[static_cast<std::size_t>(layer)];
  ProfileScope scope(state.profile, layer, "attention");
  if (scope.active()) scope.reads(attention_bytes(weights));
  const HookSite hooks(state.plan, layer);
  const Heads heads =
      state.spec.latent ? latent_heads(state, layer, x) : plain_heads(state, layer, x, own);
  const at::Tensor z = hooks.apply(Point::z, attend(state, masks, layer, heads));
  return project_out(state, weights, hooks, z);
}

}  // namespace lensbench
