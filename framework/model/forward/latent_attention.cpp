#include "model/forward/latent_attention.hpp"

#include <ATen/ops/cat.h>

#include <lensbench/error.hpp>
#include <string>

#include "model/forward/linear.hpp"
#include "model/forward/norm.hpp"
#include "model/forward/past.hpp"

namespace lensbench {
namespace {

/// [batch, pos, head * n] -> [batch, head, pos, n], a view.
at::Tensor by_head(const at::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// Rotated parts of queries or keys. \param x [batch, head, pos, d_rotary] \return the same shape
at::Tensor rotated_part(const ForwardState& state, const at::Tensor& x) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor halves =
      state.spec.latent->reordered ? x.unflatten(-1, {half, 2}).transpose(-1, -2).flatten(-2) : x;
  return rotate(*state.spec.rope, state.rope, halves);
}

/// Runs a hook on x [batch, head, pos, n] in the order [batch, pos, head, n].
at::Tensor hooked(const HookSite& hooks, Point point, const at::Tensor& x) {
  if (!hooks.wants(point)) return x;
  return hooks.apply(point, x.transpose(1, 2)).transpose(1, 2);
}

/// Queries [batch, head, pos, d_head].
at::Tensor make_queries(const ForwardState& state, const LatentWeights& weights,
                        const HookSite& hooks, const at::Tensor& x) {
  const LatentAttention& latent = *state.spec.latent;
  at::Tensor source = x;
  if (latent.query_rank > 0)
    source = hooks.apply(Point::q_latent,
                         apply_norm(latent.norm, weights.query_norm, linear(x, weights.query_in)));
  const at::Tensor whole = by_head(linear(source, weights.query_out), state.spec.attention.n_heads);
  const std::int64_t fixed = whole.size(-1) - latent.d_rotary;
  const at::Tensor turned = hooked(hooks, Point::latent_rot_q,
                                   rotated_part(state, whole.narrow(-1, fixed, latent.d_rotary)));
  return hooked(hooks, Point::q, at::cat({whole.narrow(-1, 0, fixed), turned}, -1));
}

/// What the cache holds of the new positions: vectors [batch, 1, pos, key_value_rank] and rotated
/// parts of keys [batch, 1, pos, d_rotary].
CacheAccess::State::Layer new_latents(const ForwardState& state, const LatentWeights& weights,
                                      const HookSite& hooks, const at::Tensor& x) {
  const LatentAttention& latent = *state.spec.latent;
  const std::int64_t rank = latent.key_value_rank;
  const at::Tensor both = linear(x, weights.key_value_in);
  const at::Tensor vectors = hooks.apply(
      Point::kv_latent, apply_norm(latent.norm, weights.key_value_norm, both.narrow(-1, 0, rank)));
  const at::Tensor part = both.narrow(-1, rank, latent.d_rotary).unsqueeze(1);
  const at::Tensor turned = hooks.apply(Point::latent_rot_k, rotated_part(state, part).squeeze(1));
  return {vectors.unsqueeze(1), turned.unsqueeze(1)};
}

[[noreturn]] void refuse_cache(const TransformerSpec& spec, std::int64_t layer, const char* name) {
  const std::string block = "blocks." + std::to_string(layer) + ".attn.";
  throw UsageError("forward: '" + block + name +
                   "' cannot be replaced in a forward with a cache, since the cache of '" +
                   spec.family + "' holds latent vectors, not keys and values; replace '" + block +
                   "hook_kv_latent', or run without a cache");
}

/// Runs a hook on the keys or values of the new positions.
/// \param x [batch, head, all pos, n] \return the same shape
at::Tensor hooked_new(const ForwardState& state, std::int64_t layer, const HookSite& hooks,
                      Point point, const char* name, const at::Tensor& x) {
  if (!hooks.wants(point)) return x;
  const at::Tensor own = x.narrow(2, state.past, x.size(2) - state.past);
  const at::Tensor changed = hooked(hooks, point, own);
  if (!state.gradients && same_values(own, changed)) return x;
  // Later forwards would make the keys and values of these positions as if they had not changed.
  if (state.cache) refuse_cache(state.spec, layer, name);
  return state.past == 0 ? changed : at::cat({x.narrow(2, 0, state.past), changed}, 2);
}

}  // namespace

Heads latent_heads(const ForwardState& state, std::int64_t layer, const at::Tensor& x) {
  const LatentWeights& weights = state.weights.blocks[static_cast<std::size_t>(layer)].latent;
  const HookSite hooks(state.plan, layer);
  const std::int64_t heads = state.spec.attention.n_heads, d_value = state.spec.latent->d_value;
  const CacheAccess::State::Layer fresh = new_latents(state, weights, hooks, x);
  Heads result;
  result.q = make_queries(state, weights, hooks, x);
  const auto held = with_past(state, layer, fresh.keys, fresh.values);
  const at::Tensor made = by_head(linear(held.keys.squeeze(1), weights.key_value_out), heads);
  const std::int64_t fixed = made.size(-1) - d_value;
  const at::Tensor keys =
      at::cat({made.narrow(-1, 0, fixed), held.values.expand({-1, heads, -1, -1})}, -1);
  result.k = hooked_new(state, layer, hooks, Point::k, "hook_k", keys);
  result.v = hooked_new(state, layer, hooks, Point::v, "hook_v", made.narrow(-1, fixed, d_value));
  return result;
}

}  // namespace lensbench
