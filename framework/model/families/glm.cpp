#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// GLM-4 of 2024: biases of queries, keys and values, gate and input of the MLP stored together,
/// rotation of half of each head in neighbouring pairs.
TransformerSpec read_glm(const ConfigReader& config, std::string_view family) {
  TransformerSpec spec =
      read_decoder(config, {.family = family,
                            .max_positions = 131072,
                            .key_value_heads = 2,
                            .d_head = 128,
                            .norm = {NormKind::rms_norm, 1.5625e-7, false, false},
                            .rope = {.partial = 0.5}});
  spec.rope->interleaved = true;
  spec.attention_bias = config.boolean_or("attention_bias", true);
  return spec;
}

TransformerSpec read_glm_spec(const ConfigReader& config) {
  return read_glm(config, "glm");
}

/// GLM-4 of 2025, with norms after the sublayers too.
TransformerSpec read_glm4_spec(const ConfigReader& config) {
  TransformerSpec spec = read_glm(config, "glm4");
  spec.norm_placement = NormPlacement::before_and_after;
  return spec;
}

BlockWeights take_glm_block(const TransformerSpec& spec, WeightTaker& taker,
                            const std::string& prefix) {
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "input_layernorm");
  block.ln2 = take_norm(taker, spec, prefix + "post_attention_layernorm");
  if (spec.norm_placement == NormPlacement::before_and_after) {
    block.ln1_post = take_norm(taker, spec, prefix + "post_self_attn_layernorm");
    block.ln2_post = take_norm(taker, spec, prefix + "post_mlp_layernorm");
  }
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_fused_mlp(spec, taker, prefix + "mlp.", block);
  return block;
}

ModelWeights take_glm_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_glm_block);
}

}  // namespace

const Family kGlmFamily{"glm",         "model.",         kRotaryBuffers,
                        read_glm_spec, take_glm_weights, "GlmForCausalLM"};

const Family kGlm4Family{"glm4",         "model.",         kRotaryBuffers,
                         read_glm4_spec, take_glm_weights, "Glm4ForCausalLM"};

}  // namespace lensbench
