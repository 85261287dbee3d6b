#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Apertus: a norm on each head's queries and keys, and xIELU without gate.
TransformerSpec read_apertus_spec(const ConfigReader& config) {
  static const nlohmann::json otherwise = {
      {"rope_type", "llama3"},   {"rope_theta", 1.2e7},
      {"factor", 8.0},           {"low_freq_factor", 1.0},
      {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 8192}};
  TransformerSpec spec = read_decoder(config, {.family = "apertus",
                                               .max_positions = 65536,
                                               .norm = {NormKind::rms_norm, 1e-5, false, false},
                                               .own_rope = true,
                                               .xielu = true});
  const std::int64_t d_head = spec.attention.d_head, positions = spec.max_positions;
  const auto has_settings = [&](const char* field) {
    return config.object(field) && !config.object(field)->empty();
  };
  const bool own = has_settings("rope_scaling") || config.has("rope_parameters");
  spec.rope = own ? read_rope(config, d_head, positions, {.theta = 1.2e7})
                  : read_rope_object(config, ConfigReader(otherwise, {}), d_head, positions, {});
  spec.max_positions = longest_sequence(*spec.rope, positions);
  spec.attention.query_key_norm = spec.norm;
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.mlp.gated = false;
  return spec;
}

BlockWeights take_apertus_block(const TransformerSpec& spec, WeightTaker& taker,
                                const std::string& prefix) {
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "attention_layernorm");
  block.ln2 = take_norm(taker, spec, prefix + "feedforward_layernorm");
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_query_key_norms(spec, taker, prefix + "self_attn.", block);
  take_plain_mlp(spec, taker, prefix + "mlp.", block);
  if (spec.mlp.activation != Activation::xielu) return block;
  const std::string act = prefix + "mlp.act_fn.";
  block.xielu = {taker.take(act + "alpha_p", {1}), taker.take(act + "alpha_n", {1}),
                 taker.take(act + "beta", {}), taker.take(act + "eps", {})};
  return block;
}

ModelWeights take_apertus_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_apertus_block);
}

}  // namespace

const Family kApertusFamily{
    "apertus",           "model.", kRotaryBuffers, read_apertus_spec, take_apertus_weights,
    "ApertusForCausalLM"};

}  // namespace lensbench
