#include "model/vision/tower.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>

#include "model/forward/linear.hpp"
#include "model/forward/mlp.hpp"
#include "model/forward/norm.hpp"
#include "model/runtime/profiled.hpp"
#include "model/vision/tower_attention.hpp"
#include "model/vision/tower_places.hpp"
#include "model/vision/tower_sequence.hpp"

namespace lensbench {
namespace {

std::vector<PictureRows> all_pictures(const TokenBatch& tokens) {
  std::vector<PictureRows> pictures;
  for (const auto& row : tokens.pictures) pictures.insert(pictures.end(), row.begin(), row.end());
  return pictures;
}

/// One forward of a tower. Points of its blocks have the names of text blocks.
class Tower {
 public:
  Tower(const ForwardState& state, const TokenBatch& tokens)
      : state_(state),
        spec_(*state.spec.vision),
        weights_(state.weights.tower),
        sequence_(
            tower_sequence(spec_, all_pictures(tokens), weights_.patch_embed.weight.options())) {
    // Places are for hooks alone.
    if (state.plan.wants_tower()) places_ = tower_places(spec_, tokens.pictures);
  }

  at::Tensor operator()() const {
    at::Tensor x = embedded();
    for (std::int64_t block = 0; block < spec_.n_layers; ++block) x = this->block(block, x);
    return tokens(x);
  }

 private:
  HookSite site(std::int64_t block, const TowerPlaces::Place& place) const {
    return {state_.plan, state_.plan.tower_layer(block), place};
  }

  /// Start of the autograd graph, at the first part of the tower that has a hook: weights are
  /// constants, and what is before it needs no graph.
  at::Tensor leaf(at::Tensor x, bool wanted) const {
    return state_.gradients && wanted && !x.requires_grad() ? x.detach().requires_grad_() : x;
  }

  at::Tensor embedded() const {
    ProfileScope scope(state_.profile, -1, "vision embed");
    if (scope.active()) scope.reads(bytes_of(weights_.patch_embed));
    const HookSite hooks = site(-1, places_.given);
    at::Tensor x = linear(sequence_.rows, weights_.patch_embed);
    if (hooks.wants(Point::patch_embed)) x = hooks.apply(Point::patch_embed, leaf(x, true));
    return sequence_.order.defined() ? x.index_select(0, sequence_.order) : x;
  }

  at::Tensor norm(const NormWeights& weights, const at::Tensor& x, const HookSite& hooks,
                  NormPoints points) const {
    ProfileScope scope(state_.profile, -1, "vision norm");
    if (scope.active()) scope.reads(bytes_of(weights));
    return apply_norm(spec_.norm, weights, x, hooks, points, state_.gradients);
  }

  /// Rotates x [patch, head, d_head] in pairs (i, i + d_head / 2), in float32 whatever its type.
  at::Tensor rotated(const at::Tensor& x) const {
    const std::int64_t half = x.size(2) / 2;
    const at::Tensor wide = x.to(accumulation_type(x.scalar_type()));
    const at::Tensor first = wide.narrow(2, 0, half), second = wide.narrow(2, half, half);
    return at::cat({first.mul(sequence_.cos).sub(second.mul(sequence_.sin)),
                    second.mul(sequence_.cos).add(first.mul(sequence_.sin))},
                   2)
        .to(x.scalar_type());
  }

  at::Tensor attention(std::int64_t block, const at::Tensor& x, const HookSite& hooks) const {
    const TowerBlockWeights& own = weights_.blocks[static_cast<std::size_t>(block)];
    ProfileScope scope(state_.profile, -1, "vision attention");
    if (scope.active()) scope.reads(bytes_of(own.qkv) + bytes_of(own.o));
    const at::Tensor heads = linear(x, own.qkv).view({x.size(0), 3, spec_.n_heads, spec_.d_head()});
    const at::Tensor q = hooks.apply(Point::q, heads.select(1, 0));
    const at::Tensor k = hooks.apply(Point::k, heads.select(1, 1));
    const at::Tensor v = hooks.apply(Point::v, heads.select(1, 2));
    const at::Tensor turned_q = hooks.apply(Point::rot_q, rotated(q));
    const at::Tensor turned_k = hooks.apply(Point::rot_k, rotated(k));
    const auto& starts = attends_to_frame(spec_, block) ? sequence_.frames : sequence_.windows;
    const bool pairs = hooks.wants(Point::attn_scores) || hooks.wants(Point::pattern);
    const at::Tensor z = pairs ? attend_in_hooked_segments(
                                     turned_q, turned_k, v, starts, hooks,
                                     segment_places(*places_.computed, starts), state_.gradients)
                               : attend_in_segments(turned_q, turned_k, v, starts);
    return linear(hooks.apply(Point::z, z).flatten(1), own.o);
  }

  /// In a gated MLP, hook_pre is the gate, as in text models.
  at::Tensor mlp(std::int64_t block, const at::Tensor& x, const HookSite& hooks) const {
    const TowerBlockWeights& own = weights_.blocks[static_cast<std::size_t>(block)];
    ProfileScope scope(state_.profile, -1, "vision mlp");
    if (scope.active()) scope.reads(bytes_of(own.gate) + bytes_of(own.in) + bytes_of(own.out));
    const at::Tensor pre = hooks.apply(Point::mlp_pre, linear(x, spec_.gated ? own.gate : own.in));
    at::Tensor hidden = activate(spec_.activation, pre);
    if (spec_.gated) hidden = hidden.mul(hooks.apply(Point::mlp_pre_linear, linear(x, own.in)));
    return linear(hooks.apply(Point::mlp_post, hidden), own.out);
  }

  at::Tensor block(std::int64_t block, at::Tensor x) const {
    const TowerBlockWeights& own = weights_.blocks[static_cast<std::size_t>(block)];
    const HookSite hooks = site(block, places_.computed);
    x = leaf(x, state_.gradients && state_.plan.wants_any(state_.plan.tower_layer(block)));
    x = hooks.apply(Point::resid_pre, x);
    at::Tensor normed = norm(own.norm1, x, hooks, {Point::ln1_scale, Point::ln1_normalized});
    normed = hooks.apply(Point::ln1_out, normed);
    const at::Tensor attended = hooks.apply(Point::attn_out, attention(block, normed, hooks));
    x = hooks.apply(Point::resid_mid, x.add(attended));
    normed = norm(own.norm2, x, hooks, {Point::ln2_scale, Point::ln2_normalized});
    normed = hooks.apply(Point::ln2_out, normed);
    return hooks.apply(Point::resid_post,
                       x.add(hooks.apply(Point::mlp_out, mlp(block, normed, hooks))));
  }

  at::Tensor tokens(at::Tensor x) const {
    ProfileScope scope(state_.profile, -1, "vision merger");
    if (scope.active())
      scope.reads(bytes_of(weights_.merger_norm) + bytes_of(weights_.merger_in) +
                  bytes_of(weights_.merger_out));
    const HookSite hooks = site(-1, places_.computed);
    x = hooks.apply(Point::vision_in, leaf(x, hooks.wants(Point::vision_in)));
    const at::Tensor merged = merged_patches(spec_, weights_, sequence_.places, x);
    return hooks.with(places_.tokens)
        .apply(Point::vision_out, leaf(merged, hooks.wants(Point::vision_out)));
  }

  const ForwardState& state_;
  const VisionSpec& spec_;
  const TowerWeights& weights_;
  TowerSequence sequence_;
  TowerPlaces places_;
};

}  // namespace

at::Tensor run_tower(const ForwardState& state, const TokenBatch& tokens) {
  const ProfileScope scope(state.profile, -1, "vision tower");
  return Tower(state, tokens)();
}

at::Tensor merged_patches(const VisionSpec& spec, const TowerWeights& weights,
                          const at::Tensor& places, const at::Tensor& stream) {
  const at::Tensor normed = apply_norm(spec.norm, weights.merger_norm, stream);
  const at::Tensor joined = normed.reshape({-1, spec.patches_of_token() * spec.d_model});
  const at::Tensor tokens =
      linear(activate(Activation::gelu, linear(joined, weights.merger_in)), weights.merger_out);
  return places.defined() ? tokens.index_select(0, places.to(tokens.device())) : tokens;
}

}  // namespace lensbench
