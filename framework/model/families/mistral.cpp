#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Llama with a window in every layer.
TransformerSpec read_mistral_spec(const ConfigReader& config) {
  TransformerSpec spec =
      read_decoder(config, {.family = "mistral", .max_positions = 131072, .key_value_heads = 8});
  // In the reference, models with several kinds of layers belong to another family.
  spec.attention.windows = read_one_window(config, spec.n_layers, 4096);
  return spec;
}

ModelWeights take_mistral_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kMistralFamily{
    "mistral",           "model.", kRotaryBuffers, read_mistral_spec, take_mistral_weights,
    "MistralForCausalLM"};

}  // namespace lensbench
