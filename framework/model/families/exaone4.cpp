#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Windows of EXAONE 4, in all layers but every `sliding_window_pattern`th; the other layers do not
/// rotate. A model without windows rotates everywhere.
void read_exaone_layers(const ConfigReader& config, TransformerSpec& spec) {
  const std::optional<std::int64_t> window = nullable_integer(config, "sliding_window", 4096);
  // Published configurations write the pattern as letters, next to the list of layers.
  constexpr const char* field = "sliding_window_pattern";
  const bool in_letters = config.has(field) && config.raw(field)->is_string();
  if (in_letters && config.string(field).find_first_not_of("LG") != std::string::npos)
    config.fail(field, "is \"" + config.string(field) + "\"; expected L and G, or a number");
  if (in_letters && window && !config.has("layer_types"))
    config.fail(field, "is a text; expected a number, or layer_types");
  // The reference sets the pattern to 0 in a model without windows.
  const std::int64_t pattern = in_letters || !window ? 4 : config.integer_or(field, 4);
  spec.attention.windows = read_windows(config, spec.n_layers, window, [&](std::int64_t layer) {
    return window.has_value() && (layer + 1) % pattern != 0;
  });
  if (!window) return;
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    spec.unrotated_blocks.push_back(spec.attention.window(layer) == 0);
}

/// EXAONE 4: norms after the sublayers, a norm on each head's queries and keys.
TransformerSpec read_exaone4_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "exaone4",
                                               .key_value_heads = 32,
                                               .norm = {NormKind::rms_norm, 1e-5, false, false}});
  spec.norm_placement = NormPlacement::after_sublayer;
  spec.attention.query_key_norm = spec.norm;
  read_exaone_layers(config, spec);
  return spec;
}

ModelWeights take_exaone4_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kExaone4Family{
    "exaone4",           "model.", kRotaryBuffers, read_exaone4_spec, take_exaone4_weights,
    "Exaone4ForCausalLM"};

}  // namespace lensbench
