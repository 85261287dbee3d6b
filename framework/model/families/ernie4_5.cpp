#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// ERNIE 4.5, dense: Llama with a rotation of neighbouring pairs.
TransformerSpec read_ernie4_5_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "ernie4_5",
                                               .max_positions = 131072,
                                               .key_value_heads = 2,
                                               .d_head = 128,
                                               .norm = {NormKind::rms_norm, 1e-5, false, false},
                                               .tied = true,
                                               .rope = {.theta = 5e5}});
  spec.rope->interleaved = true;
  spec.attention_bias = spec.attention_output_bias = spec.mlp_bias =
      config.boolean_or("use_bias", false);
  return spec;
}

ModelWeights take_ernie4_5_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kErnie45Family{
    "ernie4_5",           "model.", kRotaryBuffers, read_ernie4_5_spec, take_ernie4_5_weights,
    "Ernie4_5ForCausalLM"};

}  // namespace lensbench
