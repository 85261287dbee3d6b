#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// OLMo 2 with windows in three of four layers, which have a rotation of their own.
TransformerSpec read_olmo3_spec(const ConfigReader& config) {
  constexpr double theta = 5e5;
  TransformerSpec spec = read_decoder(
      config,
      {.family = "olmo3",
       .norm = {.kind = NormKind::rms_norm, .epsilon = 1e-5, .has_bias = false, .wide_gain = true},
       .own_rope = true});
  // In transformers, `rope_theta` outside of the two objects is that of full layers alone.
  const double outer = config.number_or("rope_theta", theta, kPositive);
  read_ropes_by_layer(config, outer, theta, spec);
  spec.norm_placement = NormPlacement::after_sublayer;
  spec.attention.query_key_norm = spec.norm;
  spec.attention.query_key_norm_whole = true;
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.attention.windows =
      read_windows(config, spec.n_layers, nullable_integer(config, "sliding_window", 4096),
                   [](std::int64_t layer) { return (layer + 1) % 4 != 0; });
  return spec;
}

ModelWeights take_olmo3_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kOlmo3Family{"olmo3",         "model.",           kRotaryBuffers,
                          read_olmo3_spec, take_olmo3_weights, "Olmo3ForCausalLM"};

}  // namespace lensbench
