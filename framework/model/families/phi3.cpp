#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"
#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// Phi-3, Phi-3.5 and Phi-4: Llama with its projections stored together, and LongRoPE.
TransformerSpec read_phi3_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config,
      {.family = "phi3",
       .max_positions = 4096,
       .norm = {NormKind::rms_norm, 1e-5, false, false},
       .rope = {.partial = 1.0, .original_max_positions = 4096, .old_longrope_names = true}});
  config.require_absent_or("attention_bias", false);
  spec.attention.windows = read_one_window(config, spec.n_layers, std::nullopt);
  return spec;
}

/// Queries, keys and values are views into one stored matrix; gate and input of the MLP into
/// another.
BlockWeights take_phi3_block(const TransformerSpec& spec, WeightTaker& taker,
                             const std::string& prefix) {
  const std::int64_t d = spec.d_model;
  const std::int64_t q = spec.attention.n_heads * spec.attention.d_head;
  const std::int64_t kv = spec.attention.n_key_value_heads * spec.attention.d_head;
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  block.qkv = take_linear(taker, prefix + "self_attn.qkv_proj", d, q + 2 * kv);
  block.q = columns(block.qkv, 0, q);
  block.k = columns(block.qkv, q, kv);
  block.v = columns(block.qkv, q + kv, kv);
  block.o = take_linear(taker, prefix + "self_attn.o_proj", q, d);
  take_fused_mlp(spec, taker, prefix + "mlp.", block);
  return block;
}

ModelWeights take_phi3_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_phi3_block);
}

}  // namespace

const Family kPhi3Family{"phi3",         "model.",          kRotaryBuffers,
                         read_phi3_spec, take_phi3_weights, "Phi3ForCausalLM"};

}  // namespace lensbench
