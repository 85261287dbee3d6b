#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Qwen2 and Qwen2.5: biases of queries, keys and values; optional windows in the layers from
/// `max_window_layers` on.
TransformerSpec read_qwen2_spec(const ConfigReader& config) {
  TransformerSpec spec =
      read_decoder(config, {.family = "qwen2", .max_positions = 32768, .key_value_heads = 32});
  spec.attention_bias = true;
  spec.attention.windows = read_qwen_windows(config, spec.n_layers);
  return spec;
}

ModelWeights take_qwen2_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kQwen2Family{"qwen2",         "model.",           kRotaryBuffers,
                          read_qwen2_spec, take_qwen2_weights, "Qwen2ForCausalLM"};

}  // namespace lensbench
