#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// OLMo: LayerNorm without gain, queries, keys and values that may be limited.
TransformerSpec read_olmo_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config,
      {.family = "olmo",
       .norm = {
           .kind = NormKind::layer_norm, .epsilon = 1e-5, .has_bias = false, .has_gain = false}});
  // A number in the reference, not a field of the configuration.
  spec.norm.epsilon = 1e-5;
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.projection_limit = config.number_or("clip_qkv", 0.0, kPositive);
  return spec;
}

ModelWeights take_olmo_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kOlmoFamily{"olmo",         "model.",          kRotaryBuffers,
                         read_olmo_spec, take_olmo_weights, "OlmoForCausalLM"};

}  // namespace lensbench
