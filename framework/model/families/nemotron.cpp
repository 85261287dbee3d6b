#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Nemotron: LayerNorm with gains stored minus one, the square of ReLU without gate, rotation of
/// half of each head.
TransformerSpec read_nemotron_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config, {.family = "nemotron",
               .max_positions = 4096,
               .norm = {.kind = NormKind::layer_norm, .epsilon = 1e-5, .gain_plus_one = true},
               .epsilon_field = "norm_eps",
               .activation = "relu2",
               .rope = {.partial = 0.5}});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.mlp_bias = config.boolean_or("mlp_bias", false);
  spec.mlp.gated = false;
  return spec;
}

BlockWeights take_nemotron_block(const TransformerSpec& spec, WeightTaker& taker,
                                 const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_plain_mlp(spec, taker, prefix + "mlp.", block);
  return block;
}

ModelWeights take_nemotron_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_nemotron_block);
}

}  // namespace

const Family kNemotronFamily{
    "nemotron",           "model.", kRotaryBuffers, read_nemotron_spec, take_nemotron_weights,
    "NemotronForCausalLM"};

}  // namespace lensbench
