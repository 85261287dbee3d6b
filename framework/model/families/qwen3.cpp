#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Qwen2 without its biases, and with a norm on each head's queries and keys.
TransformerSpec read_qwen3_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config, {.family = "qwen3", .max_positions = 32768, .key_value_heads = 32, .d_head = 128});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.attention.query_key_norm = spec.norm;
  spec.attention.windows = read_qwen_windows(config, spec.n_layers);
  return spec;
}

ModelWeights take_qwen3_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kQwen3Family{"qwen3",         "model.",           kRotaryBuffers,
                          read_qwen3_spec, take_qwen3_weights, "Qwen3ForCausalLM"};

}  // namespace lensbench
