#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <string_view>

#include "checkpoint/config.hpp"

namespace lensbench {

/// Blocks of a model: bounded, so that a hostile number costs neither time nor memory.
inline constexpr Range<std::int64_t> kLayers{1, 4096};

/// An activation by its Hugging Face name. \throws InputError for one that is not supported
Activation read_activation(const ConfigReader& config, std::string_view field,
                           std::string_view otherwise);

/// Rotary settings in either spelling: `rope_theta` with `rope_scaling` (transformers 4), or
/// `rope_parameters` (transformers 5).
/// \param max_positions  `max_position_embeddings`
RopeSpec read_rope(const ConfigReader& config, std::int64_t rotary_dim, std::int64_t max_positions);

/// Where a family whose heads rotate in part keeps base and fraction, and what they are if absent.
struct RopeFields {
  std::string_view theta = "rope_theta";
  std::string_view fraction = "partial_rotary_factor";
  double default_fraction = 1.0;
};

/// Rotary settings of a family that rotates a fraction of each head (rounded down).
RopeSpec read_partial_rope(const ConfigReader& config, std::int64_t d_head,
                           std::int64_t max_positions, const RopeFields& fields);

/// Frequencies of dynamic scaling follow the sequence, up to `factor` times the trained length.
std::int64_t longest_sequence(const RopeSpec& rope, std::int64_t max_positions);

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

}  // namespace lensbench
