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

/// w1 is the gate, w3 the input and w2 the output of an expert.
BlockWeights take_mixtral_block(const TransformerSpec& spec, WeightTaker& taker,
                                const std::string& prefix) {
  const std::int64_t d = spec.d_model, inner = spec.mlp.d_mlp;
  const std::string moe = prefix + "block_sparse_moe.";
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  const std::string fused = prefix + "mlp.";
  if (taker.has(fused + "experts.gate_up_proj")) {
    block.router = take_linear(taker, fused + "gate", d, spec.mlp.n_experts);
    take_fused_experts(spec, taker, fused + "experts.gate_up_proj", fused + "experts.down_proj",
                       block);
    return block;
  }
  block.router = take_linear(taker, moe + "gate", d, spec.mlp.n_experts);
  for (std::int64_t expert = 0; expert < spec.mlp.n_experts; ++expert) {
    const std::string name = moe + "experts." + std::to_string(expert) + ".";
    block.experts.push_back({take_linear(taker, name + "w1", d, inner),
                             take_linear(taker, name + "w3", d, inner),
                             take_linear(taker, name + "w2", inner, d)});
  }
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
