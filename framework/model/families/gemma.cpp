#include "model/families/gemma_parts.hpp"

namespace lensbench {
namespace {

/// Gemma: Llama with a scaled embedding, gains stored minus one, and GELU in the gate.
TransformerSpec read_gemma_spec(const ConfigReader& config) {
  TransformerSpec spec = read_gemma(config, {.family = "gemma",
                                             .max_positions = 8192,
                                             .key_value_heads = 16,
                                             .d_head = 256,
                                             .activation = "gelu_pytorch_tanh"});
  // Early configs say "gelu" but mean its tanh approximation, as in the reference; other words for
  // the exact function mean it.
  if (config.string_or("hidden_act", "") == "gelu") spec.mlp.activation = Activation::gelu_tanh;
  if (config.has("hidden_activation") &&
      read_activation(config, "hidden_activation", "") != spec.mlp.activation)
    config.fail("hidden_activation", "differs from hidden_act; set both to the same activation");
  return spec;
}

ModelWeights take_gemma_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kGemmaFamily{"gemma",         "model.",           kRotaryBuffers,
                          read_gemma_spec, take_gemma_weights, "GemmaForCausalLM"};

}  // namespace lensbench
