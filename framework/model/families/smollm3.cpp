#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Blocks that do not rotate: those with 0 in `no_rope_layers`, or every
/// `no_rope_layer_interval`th.
std::vector<bool> read_unrotated(const ConfigReader& config, std::int64_t n_layers) {
  const std::int64_t interval = config.integer_or("no_rope_layer_interval", 4);
  const std::vector<double> rotates = config.has("no_rope_layers")
                                          ? config.numbers("no_rope_layers", {0.0, 1.0})
                                          : std::vector<double>{};
  if (config.has("no_rope_layers") && std::ssize(rotates) < n_layers)
    config.fail("no_rope_layers", "has " + std::to_string(rotates.size()) +
                                      " numbers; expected one for each of the " +
                                      std::to_string(n_layers) + " layers");
  std::vector<bool> unrotated;
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    unrotated.push_back(rotates.empty() ? (layer + 1) % interval == 0
                                        : rotates[static_cast<std::size_t>(layer)] == 0.0);
  return unrotated;
}

/// SmolLM3: Llama without rotation in some layers, which may have windows.
TransformerSpec read_smollm3_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "smollm3",
                                               .max_positions = 32768,
                                               .key_value_heads = 4,
                                               .tied = true,
                                               .rope = {.theta = 2e6}});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.mlp_bias = config.boolean_or("mlp_bias", false);
  spec.unrotated_blocks = read_unrotated(config, spec.n_layers);
  const std::optional<std::int64_t> window =
      nullable_integer(config, "sliding_window", std::nullopt);
  const bool slides = config.boolean_or("use_sliding_window", false) && window.has_value();
  spec.attention.windows = read_windows(config, spec.n_layers, window, [&](std::int64_t layer) {
    return slides && spec.unrotated_blocks[static_cast<std::size_t>(layer)];
  });
  return spec;
}

ModelWeights take_smollm3_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kSmolLm3Family{
    "smollm3",           "model.", kRotaryBuffers, read_smollm3_spec, take_smollm3_weights,
    "SmolLM3ForCausalLM"};

}  // namespace lensbench
