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

/// w1 is the gate, w3 the input and w2 the output of an expert.
BlockWeights take_mixtral_block(const TransformerSpec& spec, WeightTaker& taker,
                                const std::string& prefix) {
  const std::int64_t d = spec.d_model, inner = spec.mlp.d_mlp;
  const std::string moe = prefix + "block_sparse_moe.";
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
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
