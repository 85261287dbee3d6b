#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/config.hpp"

namespace lensbench {

/// Bound on the number of blocks, so that a hostile number costs neither time nor memory.
inline constexpr Range<std::int64_t> kLayers{1, 4096};

/// Activation by its Hugging Face name. \throws InputError for an unsupported one
Activation read_activation(const ConfigReader& config, std::string_view field,
                           std::string_view otherwise);

/// Rotary settings of a family for fields that its config leaves out.
struct RopeDefaults {
  double theta = 10000.0;
  /// Part of each head that rotates; nullopt: all, and a config with another part is refused.
  std::optional<double> partial = std::nullopt;
  /// True if the family has `original_max_position_embeddings` outside the rotary settings, which
  /// then overrides theirs.
  std::optional<std::int64_t> original_max_positions = std::nullopt;
  bool old_longrope_names = false;  ///< `su` and `yarn` mean `longrope` (Phi-3)
  /// The family reads `short_mscale` and `long_mscale` of LongRoPE; others refuse them.
  bool own_mscales = false;
  /// Sections of the frequencies if the config does not have `mrope_section`; empty: a config with
  /// sections is refused.
  std::vector<std::int64_t> sections = {};
  /// Fields outside the settings object with which older configs give base and rotating part.
  const char* theta_field = "rope_theta";
  const char* partial_field = "partial_rotary_factor";
};

/// The object of rotary settings, in either spelling; an empty `rope_scaling` counts as absent.
std::optional<ConfigReader> rotary_settings(const ConfigReader& config);

/// Reads the rotary settings in either spelling: `rope_theta` with `rope_scaling` (transformers 4),
/// or `rope_parameters` (transformers 5). \param max_positions  `max_position_embeddings`
RopeSpec read_rope(const ConfigReader& config, std::int64_t d_head, std::int64_t max_positions,
                   const RopeDefaults& defaults = {});

/// Reads the rotary settings from one object.
/// \param config  the enclosing object, in which older configs have some fields
RopeSpec read_rope_object(const ConfigReader& config, const ConfigReader& rope, std::int64_t d_head,
                          std::int64_t max_positions, const RopeDefaults& defaults);

/// Reads the rotary settings of full and of windowed layers: an object for each in
/// `rope_parameters` (transformers 5), and `rope_scaling` for full layers alone, which replaces
/// their fields one by one.
/// \param theta, local_theta  bases of full and of windowed layers where the objects lack them
void read_ropes_by_layer(const ConfigReader& config, double theta, double local_theta,
                         TransformerSpec& spec);

/// Longest sequence: with dynamic scaling up to `factor` times the trained length, since the
/// frequencies follow the length.
std::int64_t longest_sequence(const RopeSpec& rope, std::int64_t max_positions);

/// An optional number of a config; null means none, even if the default is a number.
std::optional<std::int64_t> nullable_integer(const ConfigReader& config, std::string_view field,
                                             std::optional<std::int64_t> otherwise);

/// Windows per block from `layer_types` (`full_attention`, `sliding_attention`); where the config
/// lacks the list, `is_sliding(layer)` decides. \return empty if no block has a window
/// \throws InputError if a block needs a window and the config lacks its size
template <class IsSliding>
std::vector<std::int64_t> read_windows(const ConfigReader& config, std::int64_t n_layers,
                                       std::optional<std::int64_t> window, IsSliding&& is_sliding);

/// One window in all blocks, or none. \throws InputError for `layer_types`, which such a family
/// would ignore
std::vector<std::int64_t> read_one_window(const ConfigReader& config, std::int64_t n_layers,
                                          std::optional<std::int64_t> otherwise);

/// For every block, true if `layer_types` says sliding; nullopt if the config lacks the list.
/// \param local  word for such a block; a block of any other kind than full attention is refused
std::optional<std::vector<bool>> read_layer_types(const ConfigReader& config, std::int64_t n_layers,
                                                  std::string_view local = "sliding_attention");

/// Blocks that do not rotate: those with 0 in `no_rope_layers`, or without such a list every
/// `no_rope_layer_interval`th.
/// \param empty_is_absent  whether an empty list counts as none; otherwise it is refused
std::vector<bool> read_unrotated(const ConfigReader& config, std::int64_t n_layers,
                                 bool empty_is_absent = false);

/// The name that a config uses for a field with two names. \throws InputError if both are present
/// and differ
std::string_view spelling(const ConfigReader& config, std::string_view name,
                          std::string_view other);

/// Sets `n_heads` query heads that share d_model, each with its own key and value.
/// \throws InputError that names `field` if they do not divide d_model
void set_heads(const ConfigReader& config, std::string_view field, std::int64_t n_heads,
               TransformerSpec& spec);

/// Bound on the length of a sequence for models without learned positions or rotation.
inline constexpr std::int64_t kAnyLength = std::int64_t{1} << 20;

/// Refuses settings that all families here lack. \throws InputError that names the one that is set
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
