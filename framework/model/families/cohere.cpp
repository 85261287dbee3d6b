#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Cohere: attention and MLP in parallel on one LayerNorm without bias, rotation of neighbouring
/// pairs, scaled logits.
TransformerSpec read_cohere(const ConfigReader& config, std::string_view family, double theta) {
  TransformerSpec spec = read_decoder(config, {.family = family,
                                               .max_positions = 8192,
                                               .norm = {.kind = NormKind::layer_norm,
                                                        .epsilon = 1e-5,
                                                        .has_bias = false,
                                                        .wide_gain = true},
                                               .epsilon_field = "layer_norm_eps",
                                               .tied = true,
                                               .rope = {.theta = theta}});
  spec.rope->interleaved = true;
  spec.parallel_blocks = spec.shared_parallel_norm = true;
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.logit_scale = config.number_or("logit_scale", 0.0625);
  return spec;
}

TransformerSpec read_cohere_spec(const ConfigReader& config) {
  TransformerSpec spec = read_cohere(config, "cohere", 5e5);
  if (config.boolean_or("use_qk_norm", false)) spec.attention.query_key_norm = spec.norm;
  return spec;
}

/// Cohere 2: windows in three of four layers; the others do not rotate.
TransformerSpec read_cohere2_spec(const ConfigReader& config) {
  TransformerSpec spec = read_cohere(config, "cohere2", 1e4);
  config.require_absent_or("use_qk_norm", false);
  const std::int64_t pattern = config.integer_or("sliding_window_pattern", 4);
  spec.attention.windows =
      read_windows(config, spec.n_layers, nullable_integer(config, "sliding_window", 4096),
                   [&](std::int64_t layer) { return (layer + 1) % pattern != 0; });
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    spec.unrotated_blocks.push_back(spec.attention.window(layer) == 0);
  return spec;
}

/// Norms of queries and keys have gains for each head.
BlockWeights take_cohere_block(const TransformerSpec& spec, WeightTaker& taker,
                               const std::string& prefix) {
  const AttentionSpec& attention = spec.attention;
  const std::string attn = prefix + "self_attn.";
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, attn, block);
  if (attention.query_key_norm) {
    block.q_norm.gain = taker.take(attn + "q_norm.weight", {attention.n_heads, attention.d_head});
    block.k_norm.gain =
        taker.take(attn + "k_norm.weight", {attention.n_key_value_heads, attention.d_head});
  }
  take_gated_mlp(spec, taker, prefix + "mlp.", block);
  return block;
}

ModelWeights take_cohere_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker, take_cohere_block);
}

}  // namespace

const Family kCohereFamily{
    "cohere", "model.", kRotaryBuffers, read_cohere_spec, take_cohere_weights, "CohereForCausalLM"};

const Family kCohere2Family{"cohere2",           "model.",
                            kRotaryBuffers,      read_cohere2_spec,
                            take_cohere_weights, "Cohere2ForCausalLM"};

}  // namespace lensbench
