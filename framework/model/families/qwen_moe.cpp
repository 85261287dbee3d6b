#include "model/families/family.hpp"
#include "model/families/mixture_parts.hpp"

namespace lensbench {
namespace {

/// What Qwen2-MoE and Qwen3-MoE have in common: every layer is a mixture.
void read_qwen_mixture(const ConfigReader& config, std::int64_t experts, std::int64_t per_token,
                       std::int64_t width, TransformerSpec& spec) {
  config.require_absent_or("decoder_sparse_step", 1);
  config.require_absent_or("mlp_only_layers", nlohmann::json::array());
  read_experts(config, experts, per_token, spec);
  spec.mlp.d_mlp = config.integer_or("moe_intermediate_size", width);
  spec.renormalized_experts = config.boolean_or("norm_topk_prob", false);
}

/// Qwen2-MoE: Qwen2 with a mixture that has an expert for every token too.
TransformerSpec read_qwen2_moe_spec(const ConfigReader& config) {
  TransformerSpec spec =
      read_decoder(config, {.family = "qwen2_moe", .max_positions = 32768, .key_value_heads = 16});
  spec.attention_bias = config.boolean_or("qkv_bias", true);
  read_qwen_mixture(config, 60, 4, 1408, spec);
  spec.d_shared_expert = config.integer_or("shared_expert_intermediate_size", 5632);
  // Windows in every other one of the first layers, where they are on.
  const bool on = config.boolean_or("use_sliding_window", false);
  // The class writes 0 where windows are off.
  const std::int64_t size = config.integer_or("sliding_window", 4096, {on ? 1 : 0, kDimension.max});
  const auto window = on && !config.is_null("sliding_window") ? std::optional(size) : std::nullopt;
  const std::int64_t end = config.integer_or("max_window_layers", 28, {0, kDimension.max});
  spec.attention.windows = read_windows(config, spec.n_layers, window, [&](std::int64_t layer) {
    return window && layer % 2 == 0 && layer < end;
  });
  return spec;
}

/// Qwen3-MoE: Qwen3 with a mixture, and one window for all layers or none.
TransformerSpec read_qwen3_moe_spec(const ConfigReader& config) {
  TransformerSpec spec =
      read_decoder(config, {.family = "qwen3_moe", .max_positions = 32768, .key_value_heads = 4});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.attention.query_key_norm = spec.norm;
  read_qwen_mixture(config, 128, 8, 768, spec);
  spec.attention.windows = read_one_window(config, spec.n_layers, 4096);
  if (!config.boolean_or("use_sliding_window", false)) spec.attention.windows.clear();
  return spec;
}

BlockWeights take_qwen_moe_block(const TransformerSpec& spec, WeightTaker& taker,
                                 const std::string& prefix) {
  const std::string mlp = prefix + "mlp.";
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_query_key_norms(spec, taker, prefix + "self_attn.", block);
  take_mixture(spec, taker, mlp, block);
  if (spec.d_shared_expert == 0) return block;
  block.shared_expert = take_expert(spec, taker, mlp + "shared_expert.", spec.d_shared_expert);
  block.shared_expert_gate = take_linear(taker, mlp + "shared_expert_gate", spec.d_model, 1);
  return block;
}

ModelWeights take_qwen_moe_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_qwen_moe_block);
}

}  // namespace

const Family kQwen2MoeFamily{"qwen2_moe",           "model.",
                             kRotaryBuffers,        read_qwen2_moe_spec,
                             take_qwen_moe_weights, "Qwen2MoeForCausalLM"};

const Family kQwen3MoeFamily{"qwen3_moe",           "model.",
                             kRotaryBuffers,        read_qwen3_moe_spec,
                             take_qwen_moe_weights, "Qwen3MoeForCausalLM"};

}  // namespace lensbench
