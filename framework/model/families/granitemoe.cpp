#include "model/families/family.hpp"
#include "model/families/granite_parts.hpp"
#include "model/families/mixture_parts.hpp"

namespace lensbench {
namespace {

/// Granite with a mixture of experts. The softmax over the chosen experts is the renormalised one
/// over all.
TransformerSpec read_granitemoe_spec(const ConfigReader& config) {
  TransformerSpec spec = read_granite(config, "granitemoe");
  read_experts(config, 8, 2, spec);
  return spec;
}

/// Published checkpoints have other names than the modules of transformers 5.
BlockWeights take_granitemoe_block(const TransformerSpec& spec, WeightTaker& taker,
                                   const std::string& prefix) {
  const std::string moe = prefix + "block_sparse_moe.";
  const bool module = taker.has(moe + "experts.gate_up_proj");
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  block.router = take_linear(taker, moe + (module ? "router" : "router.layer"), spec.d_model,
                             spec.mlp.n_experts);
  take_fused_experts(spec, taker, moe + (module ? "experts.gate_up_proj" : "input_linear.weight"),
                     moe + (module ? "experts.down_proj" : "output_linear.weight"), block);
  return block;
}

ModelWeights take_granitemoe_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_granitemoe_block);
}

}  // namespace

const Family kGraniteMoeFamily{
    "granitemoe",           "model.", kRotaryBuffers, read_granitemoe_spec, take_granitemoe_weights,
    "GraniteMoeForCausalLM"};

}  // namespace lensbench
