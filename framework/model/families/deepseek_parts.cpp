#include "model/families/deepseek_parts.hpp"

#include <cmath>

namespace lensbench {
namespace {

/// Factor of YaRN on the scores: the square of 0.1 m ln(s) + 1, where m is `mscale_all_dim`. The
/// reference applies it to every kind of scaling.
double score_scale(const ConfigReader& config, const RopeSpec& rope) {
  if (rope.scaling == RopeSpec::Scaling::none) return 1.0;
  const std::optional<ConfigReader> settings = rotary_settings(config);
  const double all_dim = settings->number_or("mscale_all_dim", 0.0);
  if (all_dim == 0.0) return 1.0;
  const double factor = settings->number("factor", kPositive);
  const double scale = factor <= 1.0 ? 1.0 : 0.1 * all_dim * std::log(factor) + 1.0;
  return scale * scale;
}

/// A field that other fields determine. \throws InputError if it says something else
void require_equal(const ConfigReader& config, std::string_view field, std::int64_t expected,
                   const std::string& meaning) {
  const std::optional<std::int64_t> value = config.optional_integer(field);
  if (value && *value != expected)
    config.fail(field, "is " + std::to_string(*value) + "; expected " + std::to_string(expected) +
                           ", " + meaning);
}

void read_latent_attention(const ConfigReader& config, TransformerSpec& spec) {
  AttentionSpec& attention = spec.attention;
  LatentAttention latent;
  latent.query_rank = nullable_integer(config, "q_lora_rank", 1536).value_or(0);
  latent.key_value_rank = config.integer_or("kv_lora_rank", 512);
  latent.d_rotary = config.integer_or("qk_rope_head_dim", 64);
  latent.d_value = config.integer_or("v_head_dim", 128);
  // The class leaves this epsilon at its default whatever `rms_norm_eps` is.
  latent.norm = {NormKind::rms_norm, 1e-6, false, false};
  if (latent.d_rotary % 2 != 0)
    config.fail("qk_rope_head_dim",
                "is " + std::to_string(latent.d_rotary) + "; rotary positions need an even number");
  const std::int64_t fixed = config.integer_or("qk_nope_head_dim", 128);
  attention.d_head = fixed + latent.d_rotary;
  require_equal(config, "head_dim", latent.d_rotary, "qk_rope_head_dim");
  require_equal(config, "qk_head_dim", attention.d_head, "qk_nope_head_dim + qk_rope_head_dim");
  require_equal(config, "num_key_value_heads", attention.n_heads, "num_attention_heads");
  attention.n_key_value_heads = attention.n_heads;
  spec.latent = latent;
}

/// Experts of all blocks after the first ones; a model whose blocks are all dense has none.
void read_deepseek_experts(const ConfigReader& config, const DeepSeekDefaults& defaults,
                           TransformerSpec& spec) {
  config.require_absent_or("moe_layer_freq", 1);
  const std::int64_t dense =
      config.integer_or("first_k_dense_replace", defaults.dense_blocks, {0, kDimension.max});
  const std::int64_t experts = config.integer_or(
      spelling(config, "n_routed_experts", defaults.experts_field), defaults.experts, {1, 65536});
  const Range<std::int64_t> any{1, experts};
  const std::int64_t per_token =
      defaults.experts_per_token
          ? config.integer_or("num_experts_per_tok", *defaults.experts_per_token, any)
          : config.integer("num_experts_per_tok", any);
  const std::int64_t width = config.integer_or("moe_intermediate_size", defaults.expert_width);
  const std::int64_t shared =
      config.integer_or("n_shared_experts", defaults.shared_experts, {1, 65536});
  spec.routing.scale = config.number_or("routed_scaling_factor", defaults.routed_scale);
  if (dense >= spec.n_layers) return;
  spec.dense_blocks = dense;
  spec.d_dense_mlp = spec.mlp.d_mlp;
  spec.mlp.n_experts = experts;
  spec.mlp.experts_per_token = per_token;
  spec.mlp.d_mlp = width;
  // The shared experts read the same rows, so that they are one wide expert.
  spec.d_shared_expert = width * shared;
  spec.shared_expert_gate = false;
}

LatentWeights take_latent(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix) {
  const LatentAttention& latent = *spec.latent;
  const std::int64_t d = spec.d_model, heads = spec.attention.n_heads;
  const std::int64_t queries = heads * spec.attention.d_head;
  const std::int64_t fixed = spec.attention.d_head - latent.d_rotary;
  // The projections into the narrow vectors have biases where that of the output has one.
  const bool bias = spec.attention_output_bias;
  LatentWeights weights;
  if (latent.query_rank > 0) {
    weights.query_in = take_linear(taker, prefix + "q_a_proj", d, latent.query_rank, bias);
    weights.query_norm = take_norm(taker, latent.norm, prefix + "q_a_layernorm", latent.query_rank);
    weights.query_out = take_linear(taker, prefix + "q_b_proj", latent.query_rank, queries);
  } else {
    weights.query_out = take_linear(taker, prefix + "q_proj", d, queries);
  }
  weights.key_value_in = take_linear(taker, prefix + "kv_a_proj_with_mqa", d,
                                     latent.key_value_rank + latent.d_rotary, bias);
  weights.key_value_norm =
      take_norm(taker, latent.norm, prefix + "kv_a_layernorm", latent.key_value_rank);
  weights.key_value_out = take_linear(taker, prefix + "kv_b_proj", latent.key_value_rank,
                                      heads * (fixed + latent.d_value));
  return weights;
}

/// An MLP with gate that is dense or reads every position as an expert.
ExpertWeights take_whole_mlp(const TransformerSpec& spec, WeightTaker& taker,
                             const std::string& prefix, std::int64_t width) {
  const std::int64_t d = spec.d_model;
  return {take_linear(taker, prefix + "gate_proj", d, width, spec.mlp_bias),
          take_linear(taker, prefix + "up_proj", d, width, spec.mlp_bias),
          take_linear(taker, prefix + "down_proj", width, d, spec.mlp_bias)};
}

void take_deepseek_mixture(const TransformerSpec& spec, WeightTaker& taker,
                           const std::string& prefix, BlockWeights& block) {
  const std::int64_t experts = spec.mlp.n_experts;
  // The router computes in float32 whatever the type of the model.
  const at::Tensor router = taker.take_wide(prefix + "gate.weight", {experts, spec.d_model});
  block.router.weight = router.defined() ? router.t() : router;
  if (spec.routing.correction)
    block.router_correction = taker.take_wide(prefix + "gate.e_score_correction_bias", {experts});
  take_experts(spec, taker, prefix, block);
  block.shared_expert =
      take_whole_mlp(spec, taker, prefix + "shared_experts.", spec.d_shared_expert);
}

BlockWeights take_deepseek_block(const TransformerSpec& spec, WeightTaker& taker,
                                 std::int64_t layer, const std::string& prefix) {
  const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  block.latent = take_latent(spec, taker, attention);
  block.o = take_linear(taker, attention + "o_proj", spec.attention.n_heads * spec.d_value(),
                        spec.d_model, spec.attention_output_bias);
  if (spec.is_mixture(layer)) {
    take_deepseek_mixture(spec, taker, mlp, block);
    return block;
  }
  const ExpertWeights dense = take_whole_mlp(spec, taker, mlp, spec.dense_width());
  block.gate = dense.gate;
  block.in = dense.in;
  block.out = dense.out;
  return block;
}

}  // namespace

TransformerSpec read_deepseek(const ConfigReader& config, const DeepSeekDefaults& defaults) {
  DecoderDefaults decoder = defaults.decoder;
  // The class has one width for rotation; heads have others, which are read here.
  decoder.d_head = 64;
  decoder.own_rope = true;
  TransformerSpec spec = read_decoder(config, decoder);
  read_latent_attention(config, spec);
  const std::int64_t positions = spec.max_positions;
  spec.rope = read_rope(config, spec.latent->d_rotary, positions, decoder.rope);
  spec.max_positions = longest_sequence(*spec.rope, positions);
  spec.attention.scale =
      score_scale(config, *spec.rope) / std::sqrt(static_cast<double>(spec.attention.d_head));
  spec.attention_output_bias = config.boolean_or("attention_bias", false);
  read_deepseek_experts(config, defaults, spec);
  return spec;
}

void read_expert_groups(const ConfigReader& config, std::optional<std::int64_t> groups,
                        std::optional<std::int64_t> per_token, std::int64_t group_scores,
                        TransformerSpec& spec) {
  const auto read = [&](const char* field, const std::optional<std::int64_t>& otherwise,
                        std::int64_t most) {
    const Range<std::int64_t> range{1, most};
    // The class does not have a meaning for null, so the default would be a guess.
    return otherwise && !config.is_null(field) ? config.integer_or(field, *otherwise, range)
                                               : config.integer(field, range);
  };
  RoutingSpec& routing = spec.routing;
  const std::int64_t experts = spec.mlp.n_experts;
  if (experts == 0) return;
  routing.groups = read("n_group", groups, experts);
  routing.groups_per_token = read("topk_group", per_token, routing.groups);
  routing.group_scores = group_scores;
  const std::int64_t size = experts / routing.groups;
  if (experts % routing.groups != 0 || size < group_scores)
    config.fail("n_group", "is " + std::to_string(routing.groups) + ", but the " +
                               std::to_string(experts) +
                               " experts must be in groups of equal size, of at least " +
                               std::to_string(group_scores));
  if (spec.mlp.experts_per_token > routing.groups_per_token * size)
    config.fail("topk_group", "is " + std::to_string(routing.groups_per_token) +
                                  ", so a token reaches " +
                                  std::to_string(routing.groups_per_token * size) +
                                  " experts; num_experts_per_tok asks for " +
                                  std::to_string(spec.mlp.experts_per_token));
}

ModelWeights take_deepseek_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder_blocks(spec, taker, [&](std::int64_t layer, const std::string& prefix) {
    return take_deepseek_block(spec, taker, layer, prefix);
  });
}

}  // namespace lensbench
