#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// OLMo 2: norms only after the sublayers, and one norm over all queries and one over all keys.
TransformerSpec read_olmo2_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config,
      {.family = "olmo2",
       .norm = {
           .kind = NormKind::rms_norm, .epsilon = 1e-5, .has_bias = false, .wide_gain = true}});
  spec.norm_placement = NormPlacement::after_sublayer;
  spec.attention.query_key_norm = spec.norm;
  spec.attention.query_key_norm_whole = true;
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  return spec;
}

ModelWeights take_olmo2_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kOlmo2Family{"olmo2",         "model.",           kRotaryBuffers,
                          read_olmo2_spec, take_olmo2_weights, "Olmo2ForCausalLM"};

}  // namespace lensbench
