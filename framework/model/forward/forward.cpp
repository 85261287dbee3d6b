#include "model/forward/forward.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/scalar_tensor.h>

#include <lensbench/error.hpp>

#include "model/forward/attention.hpp"
#include "model/forward/forward_setup.hpp"
#include "model/forward/linear.hpp"
#include "model/forward/mlp.hpp"
#include "model/forward/norm.hpp"
#include "model/forward/per_head_inputs.hpp"
#include "model/forward/prediction_head.hpp"
#include "model/runtime/profiled.hpp"
#include "model/vision/merge_pictures.hpp"

namespace lensbench {
namespace {

/// One forward of any family. Differences between families are fields of the spec; the code never
/// tests the name of a family.
class Forward {
 public:
  Forward(const ForwardState& state, const ForwardOptions& options)
      : state_(state), options_(options) {}

  ForwardOutput operator()(const TokenBatch& tokens, const Reach& reach) {
    at::Tensor x = reach.embedding ? embed(tokens) : options_.residual;
    if (state_.gradients && !x.requires_grad()) x = x.detach().requires_grad_();
    const bool after_add = spec().norm_placement == NormPlacement::after_add;
    for (std::int64_t layer = reach.first_layer; layer < reach.end_layer; ++layer)
      x = after_add ? block_with_norms_after(layer, x) : block(layer, x);
    ForwardOutput output;
    output.residual = x;
    if (reach.prediction_head) output.logits = prediction_head(x);
    return output;
  }

 private:
  const TransformerSpec& spec() const { return state_.spec; }

  /// Start of the autograd graph: weights are constants, so the terms that the embedding adds to
  /// the stream are the leaves.
  at::Tensor leaf(at::Tensor x) const {
    if (state_.gradients) x.requires_grad_();
    return x;
  }

  at::Tensor embed(const TokenBatch& tokens) {
    const ProfileScope scope(state_.profile, -1, "embed");
    const HookSite hooks(state_.plan, -1);
    at::Tensor x = at::embedding(state_.weights.embedding, tokens.ids);
    if (state_.weights.project_in.weight.defined()) x = linear(x, state_.weights.project_in);
    x = with_embedding_scale(x);
    // BLOOM normalises the token embedding, masked-language models its sum with positions and
    // types.
    const bool norm_of_sum = spec().masked_language_model;
    if (spec().embedding_norm && !norm_of_sum)
      x = norm(-1, state_.weights.ln_embed, leaf(x),
               {Point::word_norm_scale, Point::word_norm_normalized});
    x = hooks.apply(Point::embed, leaf(x));
    if (spec().vision) x = hooks.apply(Point::merged_embed, with_pictures(tokens, x));
    const at::Tensor pos = position_rows(tokens, hooks, x.sizes());
    const at::Tensor type = type_rows(tokens, hooks, x.sizes());
    if (type.defined()) x = x.add(type);
    if (pos.defined()) x = x.add(pos);
    if (!spec().embedding_norm || !norm_of_sum) return x;
    x = norm(-1, state_.weights.ln_embed, x,
             {Point::embed_norm_scale, Point::embed_norm_normalized});
    return hooks.apply(Point::full_embed, x);
  }

  /// Most families round the scale itself to the type of the model.
  at::Tensor with_embedding_scale(const at::Tensor& x) const {
    const double scale = spec().embedding_scale;
    if (scale == 1.0) return x;
    if (spec().wide_embedding_scale) return x.mul(scale);
    return x.mul(at::scalar_tensor(scale, x.options().requires_grad(false)));
  }

  /// The stream with the tower's tokens in the place of the embeddings of placeholders.
  at::Tensor with_pictures(const TokenBatch& tokens, const at::Tensor& x) const {
    return state_.pictures.empty() ? x : merge_pictures(state_, tokens, x);
  }

  /// Rows that all sequences share are expanded to the whole batch only for a hook.
  at::Tensor hooked_rows(const at::Tensor& rows, const HookSite& hooks, Point point,
                         at::IntArrayRef shape) const {
    if (!hooks.wants(point)) return rows;
    return hooks.apply(point, leaf(rows.expand(shape).contiguous()));
  }

  at::Tensor position_rows(const TokenBatch& tokens, const HookSite& hooks,
                           at::IntArrayRef shape) const {
    if (spec().position != PositionKind::learned) return {};
    at::Tensor index = state_.positions;
    if (spec().uncounted_id) {
      // RoBERTa counts the tokens that are not padding. Padding gets -1, which the offset turns
      // into its own row of the table.
      at::Tensor counted = tokens.ids.ne(*spec().uncounted_id);
      if (tokens.mask.defined()) counted = counted.logical_and(tokens.mask);
      index = counted.cumsum(1).mul(counted).sub(1);
    }
    return hooked_rows(at::embedding(state_.weights.positions, index.add(spec().position_offset)),
                       hooks, Point::pos_embed, shape);
  }

  at::Tensor type_rows(const TokenBatch& tokens, const HookSite& hooks,
                       at::IntArrayRef shape) const {
    const at::Tensor& table = state_.weights.token_types;
    if (!table.defined()) return {};
    const at::Tensor rows =
        tokens.types.defined() ? at::embedding(table, tokens.types) : table.select(0, 0);
    return hooked_rows(rows, hooks, Point::token_type_embed, shape);
  }

  at::Tensor norm(std::int64_t layer, const NormWeights& weights, const at::Tensor& x,
                  NormPoints points) const {
    ProfileScope scope(state_.profile, layer, "norm");
    if (scope.active()) scope.reads(bytes_of(weights));
    return apply_norm(spec().norm, weights, x, HookSite(state_.plan, layer), points,
                      state_.gradients);
  }

  /// Term that a sublayer adds to the stream: its output after a norm and scaling, if the model has
  /// them.
  at::Tensor added(std::int64_t layer, at::Tensor x, const NormWeights& after, NormPoints points,
                   Point out) const {
    if (after.gain.defined()) x = norm(layer, after, x, points);
    if (spec().residual_scale != 1.0) x = x.mul(spec().residual_scale);
    return HookSite(state_.plan, layer).apply(out, x);
  }

  /// Input of the MLP's path. With gradients it is a separate tensor, so that its gradient is
  /// that of the MLP's path alone.
  at::Tensor mlp_source_of(const at::Tensor& x, const HookSite& hooks) const {
    if (!hooks.wants(Point::mlp_in)) return x;
    return hooks.apply(Point::mlp_in, state_.gradients ? x.view_as(x) : x);
  }

  /// MLP input of a block that shares the norm of attention: that norm's output, unless a hook
  /// changed the source.
  at::Tensor shared_norm(const NormWeights& weights, const at::Tensor& x, const at::Tensor& source,
                         const at::Tensor& normed, const HookSite& hooks) const {
    const bool own = hooks.wants(Point::mlp_in) && (state_.gradients || !same_values(x, source));
    return own ? apply_norm(spec().norm, weights, source) : normed;
  }

  /// Block with norms before its sublayers, after them, or both. In a parallel block attention and
  /// MLP read the same stream, and a sum between them (resid_mid) does not exist.
  at::Tensor block(std::int64_t layer, at::Tensor x) {
    const ProfileScope scope(state_.profile, layer, "residual");
    const BlockWeights& weights = state_.weights.blocks[static_cast<std::size_t>(layer)];
    const HookSite hooks(state_.plan, layer);
    constexpr NormPoints ln1{Point::ln1_scale, Point::ln1_normalized};
    constexpr NormPoints ln2{Point::ln2_scale, Point::ln2_normalized};
    const bool norms_before = spec().norm_placement != NormPlacement::after_sublayer;
    x = hooks.apply(Point::resid_pre, x);
    const PerHeadInputs own = per_head_inputs(state_, layer, x);
    const at::Tensor attention_input =
        norms_before ? hooks.apply(Point::ln1_out, norm(layer, weights.ln1, x, ln1)) : x;
    const at::Tensor attention_output =
        added(layer, attention(state_, masks_, layer, attention_input, own), weights.ln1_post,
              {Point::ln1_post_scale, Point::ln1_post_normalized}, Point::attn_out);
    const at::Tensor mid = x.add(attention_output);
    at::Tensor middle = spec().parallel_blocks ? x : hooks.apply(Point::resid_mid, mid);
    const at::Tensor mlp_source = mlp_source_of(middle, hooks);
    const at::Tensor mlp_input =
        spec().shared_parallel_norm
            ? shared_norm(weights.ln1, middle, mlp_source, attention_input, hooks)
        : norms_before ? hooks.apply(Point::ln2_out, norm(layer, weights.ln2, mlp_source, ln2))
                       : mlp_source;
    const at::Tensor mlp_output =
        added(layer, mlp(state_, layer, mlp_input), weights.ln2_post,
              {Point::ln2_post_scale, Point::ln2_post_normalized}, Point::mlp_out);
    return hooks.apply(Point::resid_post, (spec().parallel_blocks ? mid : middle).add(mlp_output));
  }

  /// Block that normalises after each addition, with the names of TransformerLens' BertBlock:
  /// resid_mid and resid_post are the sums, and the stream continues with their norms.
  at::Tensor block_with_norms_after(std::int64_t layer, at::Tensor x) {
    const ProfileScope scope(state_.profile, layer, "residual");
    const BlockWeights& weights = state_.weights.blocks[static_cast<std::size_t>(layer)];
    const HookSite hooks(state_.plan, layer);
    x = hooks.apply(Point::resid_pre, x);
    const at::Tensor attention_output =
        added(layer, attention(state_, masks_, layer, x, per_head_inputs(state_, layer, x)), {}, {},
              Point::attn_out);
    at::Tensor middle = hooks.apply(Point::resid_mid, x.add(attention_output));
    middle =
        norm(layer, weights.ln1, middle, {Point::ln1_added_scale, Point::ln1_added_normalized});
    const at::Tensor mlp_output =
        added(layer, mlp(state_, layer, mlp_source_of(middle, hooks)), {}, {}, Point::mlp_out);
    x = hooks.apply(Point::resid_post, middle.add(mlp_output));
    x = norm(layer, weights.ln2, x, {Point::ln2_added_scale, Point::ln2_added_normalized});
    return hooks.apply(Point::normalized_resid_post, x);
  }

  at::Tensor prediction_head(at::Tensor x) const {
    ProfileScope scope(state_.profile, -1, "unembed");
    if (scope.active())
      scope.reads(bytes_of(state_.weights.unembedding.weight) +
                  bytes_of(state_.weights.prediction_head));
    const HookSite hooks(state_.plan, -1);
    // The unembedding is the largest matrix; positions that were not asked for never reach it.
    if (options_.logits == ForwardOptions::Logits::last) x = x.narrow(1, x.size(1) - 1, 1);
    x = prediction_head_transform(spec(), state_.weights, x);
    if (spec().final_norm)
      x = norm(-1, state_.weights.ln_final, x, {Point::final_scale, Point::final_normalized});
    x = hooks.apply(Point::unembed_in, project_out(state_.weights, x));
    return hooks.apply(Point::unembed_out, unembed_rows(x, state_.weights.unembedding));
  }

  const ForwardState& state_;
  const ForwardOptions& options_;
  MaskCache masks_;
};

void require(bool supported, const TransformerSpec& spec, const char* feature) {
  if (!supported)
    throw InputError("forward: models of family '" + spec.family + "' with " + feature +
                     " are not supported");
}

}  // namespace

ForwardOutput run_forward(const TransformerSpec& spec, const ModelWeights& weights,
                          const TokenBatch& tokens, const ForwardOptions& options,
                          const Hooks& hooks, Profile* profile) {
  const ProfileScope scope(profile, -1, "setup");
  const at::AutoGradMode mode(options.gradients);
  // All arguments are checked before a hook is called or the cache is touched.
  const Reach reach = checked_reach(spec, weights, tokens, options);
  HookPlan plan(spec, hooks, reach);
  const ForwardState state = start_forward(spec, weights, plan, tokens, options, profile);
  set_hook_positions(plan, state, tokens, options);
  ForwardOutput output = Forward(state, options)(tokens, reach);
  // The cache grows only now, so that a forward that throws leaves it as it was.
  if (state.cache) finish_cache(state, tokens.length());
  return output;
}

void require_supported(const TransformerSpec& spec) {
  require(spec.norm_placement != NormPlacement::after_add || !spec.parallel_blocks, spec,
          "norms after the addition in parallel blocks");
  require(spec.attention.causal || spec.attention.windows.empty(), spec,
          "windows of bidirectional attention");
}

}  // namespace lensbench
