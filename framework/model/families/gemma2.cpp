#include "model/families/gemma_parts.hpp"

namespace lensbench {
namespace {

/// Gemma with norms after the sublayers too, soft caps, and a window in every other layer.
TransformerSpec read_gemma2_spec(const ConfigReader& config) {
  TransformerSpec spec = read_gemma(config, {.family = "gemma2",
                                             .max_positions = 8192,
                                             .key_value_heads = 4,
                                             .d_head = 256,
                                             .activation_field = "hidden_activation",
                                             .activation = "gelu_pytorch_tanh"});
  spec.norm_placement = NormPlacement::before_and_after;
  spec.attention.scale = query_scale(config);
  spec.attention.score_softcap = softcap_or(config, "attn_logit_softcapping", 50.0);
  spec.logit_softcap = softcap_or(config, "final_logit_softcapping", 30.0);
  spec.attention.windows =
      read_windows(config, spec.n_layers, nullable_integer(config, "sliding_window", 4096),
                   [](std::int64_t layer) { return layer % 2 == 0; });
  return spec;
}

ModelWeights take_gemma2_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kGemma2Family{
    "gemma2", "model.", kRotaryBuffers, read_gemma2_spec, take_gemma2_weights, "Gemma2ForCausalLM"};

}  // namespace lensbench
