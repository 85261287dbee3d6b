#include "model/hooks/hook_points.hpp"

#include <lensbench/error.hpp>

#include "model/hooks/hook_names.hpp"

namespace lensbench {
namespace {

using Dims = std::vector<std::string>;

/// Axes of an activation by the configuration of a model: `head`, `kv_head` and `d_embedding` exist
/// only where a model distinguishes them. The names are those of listings and of results.
Dims stream(const TransformerSpec&) {
  return {"batch", "pos", "d_model"};
}
Dims scale(const TransformerSpec&) {
  return {"batch", "pos", "one"};
}
Dims heads(const TransformerSpec&) {
  return {"batch", "pos", "head", "d_head"};
}
Dims key_value_heads(const TransformerSpec& spec) {
  const bool grouped = spec.attention.n_key_value_heads != spec.attention.n_heads;
  return {"batch", "pos", grouped ? "kv_head" : "head", "d_head"};
}
/// Values and results of heads, which latent attention gives a width of their own.
Dims values(const TransformerSpec& spec) {
  if (spec.latent) return {"batch", "pos", "head", "d_value"};
  return key_value_heads(spec);
}
Dims weighted_values(const TransformerSpec& spec) {
  return spec.latent ? values(spec) : heads(spec);
}
/// The vectors that latent attention makes queries, and keys and values, of.
Dims query_latents(const TransformerSpec&) {
  return {"batch", "pos", "d_q_latent"};
}
Dims key_value_latents(const TransformerSpec&) {
  return {"batch", "pos", "d_kv_latent"};
}
/// Rotated parts, of which that of the keys is common to all heads.
Dims rotated_queries(const TransformerSpec&) {
  return {"batch", "pos", "head", "d_rotary"};
}
Dims rotated_keys(const TransformerSpec&) {
  return {"batch", "pos", "d_rotary"};
}
Dims pairs(const TransformerSpec&) {
  return {"batch", "head", "query_pos", "key_pos"};
}
/// Outputs of single heads in the stream, [batch, pos, head, d_model], computed only where they are
/// read.
Dims results(const TransformerSpec&) {
  return {"batch", "pos", "head", "d_model"};
}
/// Separate copies of the stream for each head, for patching the input of one head.
Dims inputs(const TransformerSpec&) {
  return {"batch", "pos", "head", "d_model"};
}
Dims key_value_inputs(const TransformerSpec& spec) {
  const bool grouped = spec.attention.n_key_value_heads != spec.attention.n_heads;
  return {"batch", "pos", grouped ? "kv_head" : "head", "d_model"};
}
/// The dense MLPs of a mixture have a width of their own.
Dims neurons(const TransformerSpec& spec) {
  return {"batch", "pos", spec.dense_blocks > 0 ? "d_dense_mlp" : "d_mlp"};
}
/// OPT-350m projects the stream to the narrower width of its embedding first.
Dims unembedded(const TransformerSpec& spec) {
  return {"batch", "pos", spec.d_embedding > 0 ? "d_embedding" : "d_model"};
}
Dims of_query_norm(const TransformerSpec& spec) {
  // A norm over all heads (OLMo 2) sees them as one axis.
  return spec.attention.query_key_norm_whole ? Dims{"batch", "pos", "query"} : heads(spec);
}
Dims of_key_norm(const TransformerSpec& spec) {
  return spec.attention.query_key_norm_whole ? Dims{"batch", "pos", "key"} : key_value_heads(spec);
}
/// One scale per normalised vector: the last axis has length 1.
Dims query_norm_scale(const TransformerSpec& spec) {
  Dims dims = of_query_norm(spec);
  dims.back() = "one";
  return dims;
}
Dims key_norm_scale(const TransformerSpec& spec) {
  Dims dims = of_key_norm(spec);
  dims.back() = "one";
  return dims;
}
/// The router reads all positions of all sequences as rows of one matrix.
Dims routing(const TransformerSpec&) {
  return {"batch_pos", "expert"};
}
Dims routed(const TransformerSpec&) {
  return {"batch_pos", "choice"};
}
/// An expert sees only the rows that chose it, so the first axis has another length in each
/// forward.
Dims routed_neurons(const TransformerSpec&) {
  return {"routed", "d_mlp"};
}
Dims vocabulary(const TransformerSpec&) {
  return {"batch", "pos", "vocab"};
}

/// The functions below give the reason why a model lacks a point, or nullptr if it has it; the text
/// is shown to users.
const char* always(const TransformerSpec&) {
  return nullptr;
}
const char* learned_positions(const TransformerSpec& spec) {
  return spec.position == PositionKind::learned ? nullptr
                                                : "this model does not add a position embedding";
}
/// The embedding norm has one name and two places: the token embedding alone (BLOOM), or the sum of
/// all embeddings (BERT).
const char* norm_of_word(const TransformerSpec& spec) {
  return spec.embedding_norm && !spec.masked_language_model
             ? nullptr
             : "this model does not normalise the token embedding";
}
const char* norm_of_sum(const TransformerSpec& spec) {
  return spec.embedding_norm && spec.masked_language_model
             ? nullptr
             : "this model does not normalise the summed embeddings; hook_embed enters the stream";
}
const char* token_types(const TransformerSpec& spec) {
  return spec.token_types > 0 ? nullptr : "this model does not use token types";
}
const char* pictures(const TransformerSpec& spec) {
  return spec.vision ? nullptr : "this model does not read pictures; hook_embed enters the stream";
}
const char* latent(const TransformerSpec& spec) {
  return spec.latent ? nullptr
                     : "attention of this model does not make keys and values of a latent vector; "
                       "use attn.hook_k and attn.hook_v";
}
const char* query_latent(const TransformerSpec& spec) {
  if (const char* reason = latent(spec)) return reason;
  return spec.latent->query_rank > 0
             ? nullptr
             : "queries of this model are made of the stream, not of a latent vector; use "
               "attn.hook_q";
}
const char* inputs_of_heads(const TransformerSpec& spec) {
  return spec.latent
             ? "all heads of this model read one latent vector, so they do not have separate "
               "inputs; use attn.hook_kv_latent, or attn.hook_q, hook_k and hook_v of a head"
             : nullptr;
}
const char* rotary(const TransformerSpec& spec) {
  return spec.rope ? nullptr : "this model does not use rotary positions";
}
/// Latent attention rotates a part of queries and keys, before their hooks.
const char* whole_rotation(const TransformerSpec& spec) {
  return spec.latent ? "this model rotates a part of each query and key" : rotary(spec);
}
const char* partial_rotation(const TransformerSpec& spec) {
  return spec.latent ? nullptr : spec.rope ? "this model rotates whole heads" : rotary(spec);
}
const char* sequential(const TransformerSpec& spec) {
  return spec.parallel_blocks
             ? "attention and MLP of this model run in parallel, so there is no stream between them"
             : nullptr;
}
const char* first_norm(const TransformerSpec& spec) {
  if (spec.norm_placement == NormPlacement::after_add)
    return "the norms of this model follow the additions";
  return spec.norm_placement == NormPlacement::after_sublayer
             ? "this model normalises after its sublayers only (ln1_post, ln2_post)"
             : nullptr;
}
const char* second_norm(const TransformerSpec& spec) {
  return spec.shared_parallel_norm ? "attention and MLP of this model share the norm ln1"
                                   : first_norm(spec);
}
const char* norm_of_added(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::after_add
             ? nullptr
             : "this model does not normalise after its additions";
}
const char* norm_after(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::before_and_after ||
                 spec.norm_placement == NormPlacement::after_sublayer
             ? nullptr
             : "this model does not normalise after its sublayers";
}
const char* query_key_norm(const TransformerSpec& spec) {
  if (spec.attention.query_key_norm) return nullptr;
  return spec.unrotated_blocks.empty()
             ? "this model does not normalise queries and keys"
             : "this block does not normalise queries and keys; blocks that rotate them may do so";
}
const char* mixture(const TransformerSpec& spec) {
  if (spec.mlp.n_experts > 0) return nullptr;
  return spec.dense_blocks > 0
             ? "the MLP of this block is not a mixture of experts; those of later "
               "blocks are"
             : "the MLP of this model is not a mixture of experts";
}
const char* dense(const TransformerSpec& spec) {
  return spec.mlp.n_experts > 0
             ? "the neurons of this model belong to experts, and each position uses other experts; "
               "for expert e there are mlp.experts.{e}.hook_gate, hook_pre and hook_post"
             : nullptr;
}
const char* own_keys(const TransformerSpec& spec) {
  if (const char* reason = inputs_of_heads(spec)) return reason;
  return spec.attention.n_key_value_heads == spec.attention.n_heads
             ? nullptr
             : "heads of this model share keys and values, so they do not have separate inputs; "
               "use hook_q_input, hook_k_input or hook_v_input";
}
const char* gated(const TransformerSpec& spec) {
  return spec.mlp.gated ? dense(spec) : "the MLP of this model is not gated";
}
const char* gated_mixture(const TransformerSpec& spec) {
  if (const char* reason = mixture(spec)) return reason;
  return spec.mlp.gated ? nullptr : "the experts of this model are not gated";
}
const char* final_norm(const TransformerSpec& spec) {
  return spec.final_norm ? nullptr : "this model does not have a final norm";
}

}  // namespace

/// One row for each value of Point that text models have, in forward order. Names are those of
/// TransformerLens where it has the point.
const std::vector<PointFacts>& point_table() {
  static const std::vector<PointFacts> table = {
      {Point::word_norm_scale, "embed.ln.hook_scale", false, scale, norm_of_word},
      {Point::word_norm_normalized, "embed.ln.hook_normalized", false, stream, norm_of_word},
      {Point::embed, "hook_embed", false, stream, always},
      {Point::pos_embed, "hook_pos_embed", false, stream, learned_positions},
      {Point::token_type_embed, "embed.hook_token_type_embed", false, stream, token_types},
      {Point::embed_norm_scale, "embed.ln.hook_scale", false, scale, norm_of_sum},
      {Point::embed_norm_normalized, "embed.ln.hook_normalized", false, stream, norm_of_sum},
      {Point::full_embed, "hook_full_embed", false, stream, norm_of_sum},
      {Point::merged_embed, "hook_merged_embed", false, stream, pictures},
      {Point::resid_pre, "hook_resid_pre", true, stream, always},
      {Point::attn_in, "hook_attn_in", true, inputs, own_keys},
      {Point::q_input, "hook_q_input", true, inputs, inputs_of_heads},
      {Point::k_input, "hook_k_input", true, key_value_inputs, inputs_of_heads},
      {Point::v_input, "hook_v_input", true, key_value_inputs, inputs_of_heads},
      {Point::ln1_scale, "ln1.hook_scale", true, scale, first_norm},
      {Point::ln1_normalized, "ln1.hook_normalized", true, stream, first_norm},
      {Point::ln1_out, "ln1.hook_out", true, stream, first_norm},
      {Point::kv_latent, "attn.hook_kv_latent", true, key_value_latents, latent},
      {Point::latent_rot_k, "attn.hook_rot_k", true, rotated_keys, partial_rotation},
      {Point::q_latent, "attn.hook_q_latent", true, query_latents, query_latent},
      {Point::latent_rot_q, "attn.hook_rot_q", true, rotated_queries, partial_rotation},
      {Point::q, "attn.hook_q", true, heads, always},
      {Point::k, "attn.hook_k", true, key_value_heads, always},
      {Point::v, "attn.hook_v", true, values, always},
      {Point::q_norm_scale, "attn.q_norm.hook_scale", true, query_norm_scale, query_key_norm},
      {Point::q_norm_normalized, "attn.q_norm.hook_normalized", true, of_query_norm,
       query_key_norm},
      {Point::k_norm_scale, "attn.k_norm.hook_scale", true, key_norm_scale, query_key_norm},
      {Point::k_norm_normalized, "attn.k_norm.hook_normalized", true, of_key_norm, query_key_norm},
      {Point::rot_q, "attn.hook_rot_q", true, heads, whole_rotation},
      {Point::rot_k, "attn.hook_rot_k", true, key_value_heads, whole_rotation},
      {Point::attn_scores, "attn.hook_attn_scores", true, pairs, always},
      {Point::pattern, "attn.hook_pattern", true, pairs, always},
      {Point::z, "attn.hook_z", true, weighted_values, always},
      {Point::result, "attn.hook_result", true, results, always},
      {Point::ln1_post_scale, "ln1_post.hook_scale", true, scale, norm_after},
      {Point::ln1_post_normalized, "ln1_post.hook_normalized", true, stream, norm_after},
      {Point::attn_out, "hook_attn_out", true, stream, always},
      {Point::resid_mid, "hook_resid_mid", true, stream, sequential},
      {Point::ln1_added_scale, "ln1.hook_scale", true, scale, norm_of_added},
      {Point::ln1_added_normalized, "ln1.hook_normalized", true, stream, norm_of_added},
      {Point::mlp_in, "hook_mlp_in", true, stream, always},
      {Point::ln2_scale, "ln2.hook_scale", true, scale, second_norm},
      {Point::ln2_normalized, "ln2.hook_normalized", true, stream, second_norm},
      {Point::ln2_out, "ln2.hook_out", true, stream, second_norm},
      {Point::router_scores, "mlp.hook_router_scores", true, routing, mixture},
      {Point::expert_weights, "mlp.hook_expert_weights", true, routing, mixture},
      {Point::expert_indices, "mlp.hook_expert_indices", true, routed, mixture},
      {Point::expert_gate, "mlp.experts.{e}.hook_gate", true, routed_neurons, gated_mixture},
      {Point::expert_pre, "mlp.experts.{e}.hook_pre", true, routed_neurons, mixture},
      {Point::expert_post, "mlp.experts.{e}.hook_post", true, routed_neurons, mixture},
      {Point::mlp_pre, "mlp.hook_pre", true, neurons, dense},
      {Point::mlp_pre_linear, "mlp.hook_pre_linear", true, neurons, gated},
      {Point::mlp_post, "mlp.hook_post", true, neurons, dense},
      {Point::ln2_post_scale, "ln2_post.hook_scale", true, scale, norm_after},
      {Point::ln2_post_normalized, "ln2_post.hook_normalized", true, stream, norm_after},
      {Point::mlp_out, "hook_mlp_out", true, stream, always},
      {Point::resid_post, "hook_resid_post", true, stream, always},
      {Point::ln2_added_scale, "ln2.hook_scale", true, scale, norm_of_added},
      {Point::ln2_added_normalized, "ln2.hook_normalized", true, stream, norm_of_added},
      {Point::normalized_resid_post, "hook_normalized_resid_post", true, stream, norm_of_added},
      {Point::final_scale, "ln_final.hook_scale", false, scale, final_norm},
      {Point::final_normalized, "ln_final.hook_normalized", false, stream, final_norm},
      {Point::unembed_in, "unembed.hook_in", false, unembedded, always},
      {Point::unembed_out, "unembed.hook_out", false, vocabulary, always},
  };
  return table;
}

bool has_query_key_norm(const TransformerSpec& spec, std::int64_t layer) {
  const std::optional<NormSpec>& norm = spec.attention.query_key_norm;
  return norm && (norm->has_gain || spec.rotates(layer));
}

TransformerSpec spec_of_block(const TransformerSpec& spec, std::int64_t layer) {
  TransformerSpec own = spec;
  if (!spec.is_mixture(layer)) own.mlp.n_experts = 0;
  if (!has_query_key_norm(spec, layer)) own.attention.query_key_norm.reset();
  return own;
}

/// Points of one model in forward order, which listings and caches keep.
std::vector<PlacedPoint> placed_points(const TransformerSpec& spec) {
  std::vector<PlacedPoint> points;
  // A point that the block lacks is skipped; the others get the number of the block in their name.
  const auto add = [&](const TransformerSpec& own, const PointFacts& facts, std::int64_t layer,
                       std::int64_t expert = -1) {
    if (facts.absent(own)) return;
    std::string name(facts.name);
    if (expert >= 0) name.replace(name.find("{e}"), 3, std::to_string(expert));
    if (facts.in_block) name = "blocks." + std::to_string(layer) + "." + name;
    HookPoint hook;
    hook.name = std::move(name);
    hook.layer = layer;
    hook.dims = facts.dims(own);
    hook.aliases = aliases_of(own, facts.point, layer);
    points.push_back({facts.point, std::move(hook), expert});
  };
  // The table has one row for a point of experts; the points of one expert stay together.
  const auto add_experts = [&](const TransformerSpec& own, std::int64_t layer) {
    for (std::int64_t expert = 0; expert < spec.mlp.n_experts; ++expert)
      for (const PointFacts& facts : point_table())
        if (is_of_expert(facts.point)) add(own, facts, layer, expert);
  };
  // Points outside of blocks: the enumeration has those of the embeddings before `resid_pre`.
  const auto outside = [&](bool before_blocks) {
    for (const PointFacts& facts : point_table()) {
      // The tower runs before its output enters the stream.
      if (facts.point == Point::merged_embed && before_blocks)
        for (PlacedPoint& placed : placed_tower_points(spec)) points.push_back(std::move(placed));
      if (!facts.in_block && (facts.point < Point::resid_pre) == before_blocks)
        add(spec, facts, -1);
    }
  };
  outside(true);
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer) {
    const TransformerSpec own = spec_of_block(spec, layer);
    for (const PointFacts& facts : point_table())
      if (facts.point == kFirstOfExpert)
        add_experts(own, layer);
      else if (facts.in_block && !is_of_expert(facts.point))
        add(own, facts, layer);
  }
  outside(false);
  return points;
}

std::vector<HookPoint> hook_points(const TransformerSpec& spec) {
  std::vector<HookPoint> points;
  for (PlacedPoint& placed : placed_points(spec)) points.push_back(std::move(placed.hook));
  return points;
}

/// Name of the stream that enters block `layer`; for n_layers the one that enters the final norm.
/// Models that normalise after their additions continue with the normalised sum.
std::string residual_hook(const TransformerSpec& spec, std::int64_t layer) {
  if (layer < 0 || layer > spec.n_layers)
    throw UsageError("residual stream: layer " + std::to_string(layer) +
                     " does not exist; give 0 (the embedding) to " + std::to_string(spec.n_layers));
  if (layer == 0) return "blocks.0.hook_resid_pre";
  const bool after = spec.norm_placement == NormPlacement::after_add;
  return "blocks." + std::to_string(layer - 1) +
         (after ? ".hook_normalized_resid_post" : ".hook_resid_post");
}

std::vector<HookPoint> match_hook_points(const TransformerSpec& spec, std::string_view glob) {
  std::vector<HookPoint> matches;
  for (PlacedPoint& placed : matching_points(spec, placed_points(spec), glob))
    matches.push_back(std::move(placed.hook));
  return matches;
}

}  // namespace lensbench
