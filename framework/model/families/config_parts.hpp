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

/// Settings no family here implements, in any config. \throws InputError naming the one that is set
void refuse_common(const ConfigReader& config);

}  // namespace lensbench
