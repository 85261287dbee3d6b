#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// StarCoder2: LayerNorm, biases everywhere, an MLP without gate, one window for all layers or
/// none.
TransformerSpec read_starcoder2_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "starcoder2",
                                               .max_positions = 4096,
                                               .key_value_heads = 2,
                                               .norm = {NormKind::layer_norm, 1e-5, false, true},
                                               .epsilon_field = "norm_epsilon",
                                               .activation = "gelu_pytorch_tanh",
                                               .tied = true});
  spec.attention_bias = spec.attention_output_bias = spec.mlp_bias =
      config.boolean_or("use_bias", true);
  spec.mlp.gated = false;
  spec.attention.windows = read_one_window(config, spec.n_layers, std::nullopt);
  return spec;
}

BlockWeights take_starcoder2_block(const TransformerSpec& spec, WeightTaker& taker,
                                   const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_plain_mlp(spec, taker, prefix + "mlp.", block, "c_fc", "c_proj");
  return block;
}

ModelWeights take_starcoder2_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_starcoder2_block);
}

}  // namespace

const Family kStarCoder2Family{
    "starcoder2",           "model.", kRotaryBuffers, read_starcoder2_spec, take_starcoder2_weights,
    "Starcoder2ForCausalLM"};

}  // namespace lensbench
