#include "model/families/family.hpp"
#include "model/families/mixture_parts.hpp"

namespace lensbench {
namespace {

/// Rotation of gpt-oss, whose class has settings for a configuration without any.
RopeSpec read_gpt_oss_rope(const ConfigReader& config, const TransformerSpec& spec) {
  static const nlohmann::json otherwise = {{"rope_type", "yarn"},
                                           {"factor", 32.0},
                                           {"truncate", false},
                                           {"original_max_position_embeddings", 4096}};
  constexpr double theta = 150000.0;
  const std::int64_t d_head = spec.attention.d_head, positions = spec.max_positions;
  const std::optional<ConfigReader> scaling = config.object("rope_scaling");
  const bool own = (scaling && !scaling->empty()) || config.has("rope_parameters");
  if (own) return read_rope(config, d_head, positions, {.theta = theta});
  return read_rope_object(config, ConfigReader(otherwise, {}), d_head, positions,
                          {.theta = config.number_or("rope_theta", theta, kPositive)});
}

/// gpt-oss: a mixture with biases and a clipped gate, a sink for each head, windows in every other
/// layer.
TransformerSpec read_gpt_oss_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config,
      {.family = "gpt_oss",
       .max_positions = 131072,
       .key_value_heads = 8,
       .d_head = 64,
       .norm = {.kind = NormKind::rms_norm, .epsilon = 1e-5, .has_bias = false, .wide_gain = true},
       .own_rope = true});
  spec.rope = read_gpt_oss_rope(config, spec);
  spec.max_positions = longest_sequence(*spec.rope, spec.max_positions);
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", true);
  spec.attention_sinks = true;
  spec.attention.windows =
      read_windows(config, spec.n_layers, nullable_integer(config, "sliding_window", 128),
                   [](std::int64_t layer) { return layer % 2 == 0; });
  read_experts(config, 128, 4, spec);
  spec.mlp_bias = true;
  spec.clipped_gate = ClippedGate{config.number_or("swiglu_alpha", 1.702),
                                  config.number_or("swiglu_limit", 7.0, kPositive)};
  return spec;
}

/// Gates and inputs of an expert alternate; the matrices are stored [in, out].
void take_gpt_oss_experts(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix, BlockWeights& block) {
  const std::int64_t n = spec.mlp.n_experts, d = spec.d_model, inner = spec.mlp.d_mlp;
  const at::Tensor both = taker.take_matrix(prefix + "gate_up_proj", {n, d, 2 * inner});
  const at::Tensor both_bias = taker.take(prefix + "gate_up_proj_bias", {n, 2 * inner});
  const at::Tensor down = taker.take_matrix(prefix + "down_proj", {n, inner, d});
  const at::Tensor down_bias = taker.take(prefix + "down_proj_bias", {n, d});
  if (!both.defined() || !both_bias.defined() || !down.defined() || !down_bias.defined()) return;
  const auto every_other = [](const at::Tensor& x, std::int64_t first) {
    return x.slice(-1, first, c10::nullopt, 2);
  };
  for (std::int64_t expert = 0; expert < n; ++expert) {
    const auto half = [&](std::int64_t first) {
      return Linear{every_other(both[expert], first), every_other(both_bias[expert], first)};
    };
    block.experts.push_back({half(0), half(1), {down[expert], down_bias[expert]}});
  }
}

BlockWeights take_gpt_oss_block(const TransformerSpec& spec, WeightTaker& taker,
                                const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  block.sinks = taker.take(prefix + "self_attn.sinks", {spec.attention.n_heads});
  block.router = take_linear(taker, prefix + "mlp.router", spec.d_model, spec.mlp.n_experts, true);
  take_gpt_oss_experts(spec, taker, prefix + "mlp.experts.", block);
  return block;
}

ModelWeights take_gpt_oss_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_gpt_oss_block);
}

}  // namespace

const Family kGptOssFamily{
    "gpt_oss",          "model.", kRotaryBuffers, read_gpt_oss_spec, take_gpt_oss_weights,
    "GptOssForCausalLM"};

}  // namespace lensbench
