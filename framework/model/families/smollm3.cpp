#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

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
