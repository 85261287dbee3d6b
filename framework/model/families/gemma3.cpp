#include "model/families/gemma_parts.hpp"

namespace lensbench {
namespace {

/// Gemma 2 with a norm on each head's queries and keys, mostly windowed layers with their own
/// rotation, and without a soft cap of scores.
TransformerSpec read_gemma3_spec(const ConfigReader& config) {
  TransformerSpec spec = read_gemma(config, {.family = "gemma3_text",
                                             .max_positions = 131072,
                                             .key_value_heads = 4,
                                             .d_head = 256,
                                             .activation_field = "hidden_activation",
                                             .activation = "gelu_pytorch_tanh",
                                             .own_rope = true});
  read_ropes_by_layer(config, config.number_or("rope_theta", 1e6, kPositive),
                      config.number_or("rope_local_base_freq", 1e4, kPositive), spec);
  spec.norm_placement = NormPlacement::before_and_after;
  spec.attention.query_key_norm = spec.norm;
  spec.attention.scale = query_scale(config);
  config.require_absent_or("attn_logit_softcapping", nullptr);  // the reference would not apply it
  spec.logit_softcap = softcap_or(config, "final_logit_softcapping", 0.0);
  const std::int64_t pattern = config.integer_or("sliding_window_pattern", 6);
  spec.attention.windows =
      read_windows(config, spec.n_layers, nullable_integer(config, "sliding_window", 4096),
                   [&](std::int64_t layer) { return (layer + 1) % pattern != 0; });
  return spec;
}

ModelWeights take_gemma3_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kGemma3Family{"gemma3_text",       "model.",
                           kRotaryBuffers,      read_gemma3_spec,
                           take_gemma3_weights, "Gemma3ForCausalLM"};

}  // namespace lensbench
