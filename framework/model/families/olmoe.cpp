#include "model/families/family.hpp"
#include "model/families/mixture_parts.hpp"

namespace lensbench {
namespace {

/// OLMoE: a mixture of experts whose shares are not renormalised, one norm over all queries and one
/// over all keys.
TransformerSpec read_olmoe_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config,
      {.family = "olmoe", .max_positions = 4096, .norm = {NormKind::rms_norm, 1e-5, false, false}});
  if (spec.attention.d_head * spec.attention.n_heads != spec.d_model)
    config.fail("head_dim", "must be hidden_size / num_attention_heads");
  config.require_absent_or("sliding_window", nullptr);
  spec.attention.query_key_norm = spec.norm;
  spec.attention.query_key_norm_whole = true;
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.projection_limit = config.number_or("clip_qkv", 0.0, kPositive);
  read_experts(config, 64, 8, spec);
  spec.renormalized_experts = config.boolean_or("norm_topk_prob", false);
  return spec;
}

BlockWeights take_olmoe_block(const TransformerSpec& spec, WeightTaker& taker,
                              const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_query_key_norms(spec, taker, prefix + "self_attn.", block);
  take_mixture(spec, taker, prefix + "mlp.", block);
  return block;
}

ModelWeights take_olmoe_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_olmoe_block);
}

}  // namespace

const Family kOlmoeFamily{"olmoe",         "model.",           kRotaryBuffers,
                          read_olmoe_spec, take_olmoe_weights, "OlmoeForCausalLM"};

}  // namespace lensbench
