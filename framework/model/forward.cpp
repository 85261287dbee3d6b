#include "model/forward.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>

#include <lensbench/error.hpp>

#include "model/attention.hpp"
#include "model/forward_setup.hpp"
#include "model/linear.hpp"
#include "model/mlp.hpp"
#include "model/norm.hpp"

namespace lensbench {
namespace {

class Forward {
 public:
  Forward(Run& run, const ForwardOptions& options) : run_(run), options_(options) {}

  ForwardOutput operator()(const TokenBatch& tokens, const Reach& reach) {
    at::Tensor x = reach.embedding ? embed(tokens) : options_.residual;
    if (run_.gradients && !x.requires_grad()) x = x.detach().requires_grad_();
    for (std::int64_t layer = reach.first_layer; layer < reach.end_layer; ++layer)
      x = block(layer, x);
    ForwardOutput output;
    output.residual = x;
    if (reach.head) output.logits = head(x);
    return output;
  }

 private:
  const TransformerSpec& spec() const { return run_.spec; }

  /// A graph starts here: what the model adds at the embedding is a leaf.
  at::Tensor leaf(at::Tensor x) const {
    if (run_.gradients) x.requires_grad_();
    return x;
  }

  at::Tensor embed(const TokenBatch& tokens) {
    const HookSite hooks(run_.plan, -1);
    at::Tensor x = at::embedding(run_.weights.embedding, tokens.ids);
    if (spec().embedding_scale != 1.0) x = x.mul(spec().embedding_scale);
    x = hooks.apply(Point::embed, leaf(x));
    if (spec().position != PositionKind::learned) return x;
    const at::Tensor index = run_.positions.add(spec().position_offset);
    at::Tensor pos = at::embedding(run_.weights.positions, index);
    if (hooks.wants(Point::pos_embed))
      pos = hooks.apply(Point::pos_embed, leaf(pos.expand(x.sizes()).contiguous()));
    return x.add(pos);
  }

  at::Tensor norm(std::int64_t layer, const NormWeights& weights, const at::Tensor& x,
                  NormPoints points) const {
    return apply_norm(spec().norm, weights, x, HookSite(run_.plan, layer), points, run_.gradients);
  }

  /// What a sublayer made, as it is added to the stream.
  at::Tensor added(std::int64_t layer, at::Tensor x, const NormWeights& after, NormPoints points,
                   Point out) const {
    if (after.gain.defined()) x = norm(layer, after, x, points);
    if (spec().residual_scale != 1.0) x = x.mul(spec().residual_scale);
    return HookSite(run_.plan, layer).apply(out, x);
  }

  at::Tensor block(std::int64_t layer, at::Tensor x) {
    const BlockWeights& weights = run_.weights.blocks[static_cast<std::size_t>(layer)];
    const HookSite hooks(run_.plan, layer);
    constexpr NormPoints ln1{Point::ln1_scale, Point::ln1_normalized};
    constexpr NormPoints ln2{Point::ln2_scale, Point::ln2_normalized};
    x = hooks.apply(Point::resid_pre, x);
    const at::Tensor attention_input = norm(layer, weights.ln1, x, ln1);
    const at::Tensor attention_output =
        added(layer, attention(run_, layer, attention_input), weights.ln1_post,
              {Point::ln1_post_scale, Point::ln1_post_normalized}, Point::attn_out);
    const at::Tensor mid = x.add(attention_output);
    at::Tensor middle = spec().parallel_blocks ? x : hooks.apply(Point::resid_mid, mid);
    const at::Tensor mlp_input =
        spec().shared_parallel_norm ? attention_input : norm(layer, weights.ln2, middle, ln2);
    const at::Tensor mlp_output =
        added(layer, mlp(run_, layer, mlp_input), weights.ln2_post,
              {Point::ln2_post_scale, Point::ln2_post_normalized}, Point::mlp_out);
    return hooks.apply(Point::resid_post, (spec().parallel_blocks ? mid : middle).add(mlp_output));
  }

  at::Tensor head(at::Tensor x) const {
    const HookSite hooks(run_.plan, -1);
    if (options_.logits == ForwardOptions::Logits::last) x = x.narrow(1, x.size(1) - 1, 1);
    if (spec().final_norm)
      x = norm(-1, run_.weights.ln_final, x, {Point::final_scale, Point::final_normalized});
    x = hooks.apply(Point::unembed_in, x);
    return hooks.apply(Point::unembed_out, unembed_rows(x, run_.weights.unembedding));
  }

  Run& run_;
  const ForwardOptions& options_;
};

void require(bool supported, const TransformerSpec& spec, const char* feature) {
  if (!supported)
    throw InputError("models of family '" + spec.family + "' with " + feature +
                     " are not supported");
}

}  // namespace

ForwardOutput run_forward(const TransformerSpec& spec, const ModelWeights& weights,
                          const TokenBatch& tokens, const ForwardOptions& options,
                          const Hooks& hooks) {
  const at::AutoGradMode mode(options.gradients);
  const Reach reach = checked_reach(spec, weights, tokens, options);
  const HookPlan plan(spec, hooks, reach);
  Run run = start_run(spec, weights, plan, tokens, options);
  ForwardOutput output = Forward(run, options)(tokens, reach);
  if (run.cache) finish_cache(run, tokens.length());
  return output;
}

void require_supported(const TransformerSpec& spec) {
  require(spec.position == PositionKind::learned || spec.position == PositionKind::rotary ||
              spec.position == PositionKind::none,
          spec, "ALiBi positions");
  require(spec.norm_placement == NormPlacement::before ||
              spec.norm_placement == NormPlacement::before_and_after,
          spec, "norms after the addition or only after the sublayer");
  require(!spec.embedding_norm, spec, "a norm of the embedding");
  require(!spec.local_rope, spec, "a second rotary embedding for windowed layers");
  require(!spec.rope || spec.rope->scaling != RopeSpec::Scaling::longrope, spec,
          "long-rope scaling");
  require(!spec.attention.query_key_norm, spec, "norms of queries and keys");
  require(spec.attention.causal && !spec.masked_language_model, spec, "bidirectional attention");
  require(spec.mlp.n_experts == 0, spec, "a mixture of experts");
}

}  // namespace lensbench
