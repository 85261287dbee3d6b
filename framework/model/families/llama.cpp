#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Llama 1 to 3, as `read_decoder` describes them; biases only where the config asks for them.
TransformerSpec read_llama_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "llama"});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.mlp_bias = config.boolean_or("mlp_bias", false);
  return spec;
}

ModelWeights take_llama_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kLlamaFamily{"llama",         "model.",           kRotaryBuffers,
                          read_llama_spec, take_llama_weights, "LlamaForCausalLM"};

}  // namespace lensbench
