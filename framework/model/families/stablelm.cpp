#include <ATen/ops/stack.h>

#include <algorithm>

#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// StableLM: LayerNorm, rotation of a quarter of each head; StableLM 2 12B also has parallel blocks
/// and a separate norm for each head.
TransformerSpec read_stablelm_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "stablelm",
                                               .max_positions = 4096,
                                               .key_value_heads = 32,
                                               .norm = {NormKind::layer_norm, 1e-5, false, true},
                                               .epsilon_field = "layer_norm_eps",
                                               .rope = {.partial = 0.25}});
  if (spec.attention.d_head * spec.attention.n_heads != spec.d_model)
    config.fail("head_dim", "must be hidden_size / num_attention_heads");
  spec.attention_bias = config.boolean_or("use_qkv_bias", false);
  spec.parallel_blocks = spec.shared_parallel_norm =
      config.boolean_or("use_parallel_residual", false);
  if (config.boolean_or("qk_layernorm", false)) {
    spec.attention.query_key_norm = spec.norm;
    spec.attention.query_key_norm->has_bias = false;
  }
  return spec;
}

/// Takes the gains of all heads, stored one by one: [head, d_head].
NormWeights take_head_norms(const TransformerSpec& spec, WeightTaker& taker,
                            const std::string& name, std::int64_t heads) {
  std::vector<at::Tensor> gains;
  for (std::int64_t head = 0; head < heads; ++head)
    gains.push_back(
        taker.take(name + ".norms." + std::to_string(head) + ".weight", {spec.attention.d_head}));
  // A missing tensor is recorded by the taker and reported with all others.
  const bool complete = std::all_of(gains.begin(), gains.end(),
                                    [](const at::Tensor& gain) { return gain.defined(); });
  return {complete ? at::stack(gains) : at::Tensor(), {}};
}

BlockWeights take_stablelm_block(const TransformerSpec& spec, WeightTaker& taker,
                                 const std::string& prefix) {
  const AttentionSpec& attention = spec.attention;
  const std::string attn = prefix + "self_attn.";
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, attn, block);
  if (attention.query_key_norm) {
    block.q_norm = take_head_norms(spec, taker, attn + "q_layernorm", attention.n_heads);
    block.k_norm = take_head_norms(spec, taker, attn + "k_layernorm", attention.n_key_value_heads);
  }
  take_gated_mlp(spec, taker, prefix + "mlp.", block);
  return block;
}

ModelWeights take_stablelm_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_stablelm_block);
}

}  // namespace

const Family kStableLmFamily{
    "stablelm",           "model.", kRotaryBuffers, read_stablelm_spec, take_stablelm_weights,
    "StableLmForCausalLM"};

}  // namespace lensbench
