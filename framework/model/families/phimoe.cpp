#include "model/families/family.hpp"
#include "model/families/mixture_parts.hpp"

namespace lensbench {
namespace {

/// The reference chooses two experts of each token, whatever else its configuration says.
void read_phimoe_experts(const ConfigReader& config, TransformerSpec& spec) {
  spec.mlp.n_experts = config.integer_or("num_local_experts", 16, {2, 65536});
  spec.mlp.experts_per_token = config.integer_or("num_experts_per_tok", 2, {2, 2});
  spec.renormalized_experts = false;
}

/// The reference divides the frequencies of long texts by the short factors too; the length decides
/// only about the factor on queries and keys.
void read_phimoe_rope(const ConfigReader& config, TransformerSpec& spec) {
  RopeSpec& rope = *spec.rope;
  if (rope.scaling == RopeSpec::Scaling::none) return;
  if (rope.scaling != RopeSpec::Scaling::longrope) {
    const ConfigReader settings = *rotary_settings(config);
    const char* field = settings.has("rope_type") ? "rope_type" : "type";
    settings.fail(field, "is \"" + settings.string(field) +
                             "\", which phimoe does not support; expected default or longrope");
  }
  rope.long_factor = rope.short_factor;
  rope.attention_factor = 1.0;
}

FamilySettings read_phimoe_settings(const ConfigReader& config, const TransformerSpec& spec) {
  FamilySettings settings;
  settings.mixer_jitter = config.number_or("router_jitter_noise", 0.01, {0.0, 1e6});
  settings.unembedding_bias = config.boolean_or("lm_head_bias", false);
  if (spec.rope->scaling == RopeSpec::Scaling::none) return settings;
  const ConfigReader rope = *rotary_settings(config);
  settings.rotary_factors = LengthFactors{rope.number("short_mscale"), rope.number("long_mscale")};
  return settings;
}

/// Phi-3.5-MoE: Mixtral with LayerNorm, biases, and a router of SparseMixer.
TransformerSpec read_phimoe_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "phimoe",
                                               .max_positions = 131072,
                                               .key_value_heads = 8,
                                               .norm = {NormKind::layer_norm, 1e-5},
                                               .rope = {.theta = 1e6, .own_mscales = true}});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.attention.windows = read_one_window(config, spec.n_layers, std::nullopt);
  read_phimoe_experts(config, spec);
  read_phimoe_rope(config, spec);
  read_phimoe_settings(config, spec);  // reports a wrong field before the first weight is read
  return spec;
}

BlockWeights take_phimoe_block(const TransformerSpec& spec, WeightTaker& taker,
                               const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_mixtral_mixture(spec, taker, prefix, "router", block);
  return block;
}

ModelWeights take_phimoe_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights = take_decoder(spec, taker, take_phimoe_block);
  if (taker.settings().unembedding_bias)
    weights.unembedding.bias = taker.take_head("lm_head.bias", {spec.vocab_size});
  return weights;
}

}  // namespace

const Family kPhimoeFamily{"phimoe",
                           "model.",
                           kRotaryBuffers,
                           read_phimoe_spec,
                           take_phimoe_weights,
                           "PhimoeForCausalLM",
                           read_phimoe_settings};

}  // namespace lensbench
