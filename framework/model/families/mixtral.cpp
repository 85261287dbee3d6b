#include "model/families/family.hpp"
#include "model/families/mixture_parts.hpp"

namespace lensbench {
namespace {

/// Mistral with a mixture of experts for each MLP.
TransformerSpec read_mixtral_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "mixtral",
                                               .max_positions = 131072,
                                               .key_value_heads = 8,
                                               .norm = {NormKind::rms_norm, 1e-5, false, false},
                                               .rope = {.theta = 1e6}});
  spec.attention.windows = read_one_window(config, spec.n_layers, std::nullopt);
  read_experts(config, 8, 2, spec);
  return spec;
}

BlockWeights take_mixtral_block(const TransformerSpec& spec, WeightTaker& taker,
                                const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_mixtral_mixture(spec, taker, prefix, "gate", block);
  return block;
}

ModelWeights take_mixtral_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_mixtral_block);
}

}  // namespace

const Family kMixtralFamily{
    "mixtral",           "model.", kRotaryBuffers, read_mixtral_spec, take_mixtral_weights,
    "MixtralForCausalLM"};

}  // namespace lensbench
