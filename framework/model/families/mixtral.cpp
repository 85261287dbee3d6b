#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Mistral with a mixture of experts for each MLP.
TransformerSpec read_mixtral_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "mixtral",
                                               .max_positions = 131072,
                                               .key_value_heads = 8,
                                               .norm = {NormKind::rms_norm, 1e-5, false, false},
                                               .rope = {.theta = 1e6}});
  const std::optional<std::int64_t> window =
      nullable_integer(config, "sliding_window", std::nullopt);
  config.require_absent_or("layer_types", nullptr);
  spec.attention.windows =
      read_windows(config, spec.n_layers, window, [&](std::int64_t) { return window.has_value(); });
  constexpr Range<std::int64_t> experts{1, 65536};
  const char* field = config.has("num_experts") ? "num_experts" : "num_local_experts";
  spec.mlp.n_experts = config.integer_or(field, 8, experts);
  spec.mlp.experts_per_token = config.integer_or("num_experts_per_tok", 2, {1, spec.mlp.n_experts});
  return spec;
}

/// The experts of a layer as newer versions of transformers save them: one tensor [expert, 2 d_mlp,
/// d_model] with the gate before the input, one [expert, d_model, d_mlp] for the output.
void take_fused_experts(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                        BlockWeights& block) {
  const std::int64_t n = spec.mlp.n_experts, d = spec.d_model, inner = spec.mlp.d_mlp;
  const at::Tensor both = taker.take(prefix + "gate_up_proj", {n, 2 * inner, d});
  const at::Tensor out = taker.take(prefix + "down_proj", {n, d, inner});
  if (!both.defined() || !out.defined()) return;
  const auto linear = [](const at::Tensor& weight) { return Linear{weight.t(), {}}; };
  for (std::int64_t expert = 0; expert < n; ++expert)
    block.experts.push_back({linear(both[expert].narrow(0, 0, inner)),
                             linear(both[expert].narrow(0, inner, inner)), linear(out[expert])});
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
    take_fused_experts(spec, taker, fused + "experts.", block);
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
