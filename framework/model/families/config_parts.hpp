#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/config.hpp"

namespace lensbench {

/// Blocks of a model: bounded, so that a hostile number costs neither time nor memory.
inline constexpr Range<std::int64_t> kLayers{1, 4096};

/// An activation by its Hugging Face name. \throws InputError for one that is not supported
Activation read_activation(const ConfigReader& config, std::string_view field,
                           std::string_view otherwise);

/// What a family's rotary settings are where its config does not say.
struct RopeDefaults {
  double theta = 10000.0;
  /// Part of each head that rotates; nullopt: all, and a config that says otherwise is refused.
  std::optional<double> partial = std::nullopt;
  /// Where the family has `original_max_position_embeddings` beside the rotary settings, which
  /// then counts rather than theirs.
  std::optional<std::int64_t> original_max_positions = std::nullopt;
  bool old_longrope_names = false;  ///< `su` and `yarn` mean `longrope` (Phi-3)
  /// Where older configs have base and rotating part, beside the object of the settings.
  const char* theta_field = "rope_theta";
  const char* partial_field = "partial_rotary_factor";
};

/// Rotary settings in either spelling: `rope_theta` with `rope_scaling` (transformers 4), or
/// `rope_parameters` (transformers 5).
/// \param max_positions  `max_position_embeddings`
RopeSpec read_rope(const ConfigReader& config, std::int64_t d_head, std::int64_t max_positions,
                   const RopeDefaults& defaults = {});

/// The rotary settings in one object of them.
/// \param config  the object around it, for what older configs have there
RopeSpec read_rope_object(const ConfigReader& config, const ConfigReader& rope, std::int64_t d_head,
                          std::int64_t max_positions, const RopeDefaults& defaults);

/// Longest sequence: frequencies of dynamic scaling follow it, up to `factor` times the trained
/// length.
std::int64_t longest_sequence(const RopeSpec& rope, std::int64_t max_positions);

/// An optional number of a config whose default is not "none": null means none.
std::optional<std::int64_t> nullable_integer(const ConfigReader& config, std::string_view field,
                                             std::optional<std::int64_t> otherwise);

/// Windows per layer from `layer_types` (`full_attention`, `sliding_attention`); where the config
/// has none, `is_sliding(layer)` says. \return empty if no layer slides
/// \throws InputError if a layer slides and there is no window
template <class IsSliding>
std::vector<std::int64_t> read_windows(const ConfigReader& config, std::int64_t n_layers,
                                       std::optional<std::int64_t> window, IsSliding&& is_sliding);

/// For every layer whether `layer_types` has it sliding; nullopt if the config has no such list.
std::optional<std::vector<bool>> read_layer_types(const ConfigReader& config,
                                                  std::int64_t n_layers);

/// The spelling a config uses of a field that has two. \throws InputError if both are there and
/// differ
std::string_view spelling(const ConfigReader& config, std::string_view name,
                          std::string_view other);

/// `n_heads` query heads that share d_model, each with its own key and value.
/// \throws InputError naming `field` if they do not divide it
void set_heads(const ConfigReader& config, std::string_view field, std::int64_t n_heads,
               TransformerSpec& spec);

/// What limits a sequence without learned positions or rotation: nothing but this bound.
inline constexpr std::int64_t kAnyLength = std::int64_t{1} << 20;

/// Settings no family here implements, in any config. \throws InputError naming the one that is set
void refuse_common(const ConfigReader& config);

template <class IsSliding>
std::vector<std::int64_t> read_windows(const ConfigReader& config, std::int64_t n_layers,
                                       std::optional<std::int64_t> window, IsSliding&& is_sliding) {
  const std::optional<std::vector<bool>> types = read_layer_types(config, n_layers);
  std::vector<std::int64_t> windows;
  bool any = false;
  for (std::int64_t layer = 0; layer < n_layers; ++layer) {
    const bool slides = types ? (*types)[static_cast<std::size_t>(layer)] : is_sliding(layer);
    if (slides && !window)
      config.fail("sliding_window", "is missing or null although layer " + std::to_string(layer) +
                                        " attends through a window");
    windows.push_back(slides ? *window : 0);
    any = any || slides;
  }
  return any ? windows : std::vector<std::int64_t>{};
}

}  // namespace lensbench
