#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Phi-1, Phi-1.5 and Phi-2: parallel attention and MLP that share one LayerNorm, biases
/// everywhere, rotation of half of each head.
TransformerSpec read_phi_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "phi",
                                               .norm = {NormKind::layer_norm, 1e-5, false, true},
                                               .epsilon_field = "layer_norm_eps",
                                               .activation = "gelu_new",
                                               .rope = {.partial = 0.5}});
  spec.parallel_blocks = spec.shared_parallel_norm = true;
  spec.attention_bias = spec.attention_output_bias = spec.mlp_bias = true;
  spec.mlp.gated = false;
  if (!config.boolean_or("qk_layernorm", false)) return spec;
  spec.attention.query_key_norm = spec.norm;
  if (spec.attention.d_head * spec.attention.n_heads != spec.d_model)
    config.fail("head_dim", "must be hidden_size / num_attention_heads with qk_layernorm");
  return spec;
}

BlockWeights take_phi_block(const TransformerSpec& spec, WeightTaker& taker,
                            const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block, "dense");
  take_query_key_norms(spec, taker, prefix + "self_attn.", block, "q_layernorm", "k_layernorm");
  block.in = take_linear(taker, prefix + "mlp.fc1", spec.d_model, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, prefix + "mlp.fc2", spec.mlp.d_mlp, spec.d_model, true);
  return block;
}

ModelWeights take_phi_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights = take_decoder(spec, taker, take_phi_block, "final_layernorm");
  weights.unembedding.bias = taker.take_head("lm_head.bias", {spec.vocab_size});
  return weights;
}

}  // namespace

const Family kPhiFamily{"phi",         "model.",         kRotaryBuffers,
                        read_phi_spec, take_phi_weights, "PhiForCausalLM"};

}  // namespace lensbench
