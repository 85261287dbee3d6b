#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Mistral with windows in some of its layers.
TransformerSpec read_ministral_spec(const ConfigReader& config) {
  TransformerSpec spec =
      read_decoder(config, {.family = "ministral", .max_positions = 131072, .key_value_heads = 8});
  const std::optional<std::int64_t> window = nullable_integer(config, "sliding_window", 4096);
  spec.attention.windows =
      read_windows(config, spec.n_layers, window, [&](std::int64_t) { return window.has_value(); });
  return spec;
}

/// Rotation and growth of the queries of Ministral 3, whose class has settings for a configuration
/// without any.
void read_ministral3_rope(const ConfigReader& config, TransformerSpec& spec) {
  static const nlohmann::json otherwise = {{"type", "yarn"},
                                           {"rope_theta", 1e6},
                                           {"factor", 16.0},
                                           {"original_max_position_embeddings", 16384},
                                           {"mscale", 1.0},
                                           {"mscale_all_dim", 1.0},
                                           {"llama_4_scaling_beta", 0.1}};
  const std::optional<ConfigReader> found = rotary_settings(config);
  const ConfigReader rope = found ? *found : ConfigReader(otherwise, {});
  spec.rope = read_rope_object(config, rope, spec.attention.d_head, spec.max_positions,
                               {.theta = config.number_or("rope_theta", 1e4, kPositive)});
  spec.query_growth = rope.number("llama_4_scaling_beta");
  constexpr const char* field = "original_max_position_embeddings";
  const RopeSpec::Scaling scaling = spec.rope->scaling;
  const bool has_length = scaling == RopeSpec::Scaling::yarn ||
                          scaling == RopeSpec::Scaling::llama3 ||
                          scaling == RopeSpec::Scaling::longrope;
  spec.query_growth_positions =
      has_length ? spec.rope->original_max_positions : rope.integer(field);
  spec.max_positions = longest_sequence(*spec.rope, spec.max_positions);
}

/// Ministral 3: Mistral whose queries grow with their position.
TransformerSpec read_ministral3_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "ministral3",
                                               .max_positions = 262144,
                                               .key_value_heads = 8,
                                               .d_head = 128,
                                               .norm = {NormKind::rms_norm, 1e-5, false, false},
                                               .own_rope = true});
  read_ministral3_rope(config, spec);
  spec.attention.windows = read_one_window(config, spec.n_layers, std::nullopt);
  return spec;
}

ModelWeights take_ministral_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kMinistralFamily{
    "ministral",           "model.", kRotaryBuffers, read_ministral_spec, take_ministral_weights,
    "MinistralForCausalLM"};

const Family kMinistral3Family{"ministral3",           "model.",
                               kRotaryBuffers,         read_ministral3_spec,
                               take_ministral_weights, "Ministral3ForCausalLM"};

}  // namespace lensbench
