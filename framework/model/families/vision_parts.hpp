#pragma once

#include <lensbench/spec.hpp>

#include "checkpoint/config.hpp"
#include "model/weights/weight_taker.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// Settings in which the towers of Qwen2-VL and Qwen2.5-VL differ.
struct TowerDefaults {
  const char* width_field;   ///< field with the width of the stream
  const char* output_field;  ///< field with the width of the output, that of the text model
  bool windows;              ///< Qwen2.5-VL: windows, RMSNorm and a gated MLP
};

/// Reads `vision_config`, and the ids of placeholders.
/// \param config  the outer configuration
/// \param width   of the text model, which the tower's output must have
VisionSpec read_vision(const ConfigReader& config, std::int64_t width,
                       const TowerDefaults& defaults);

/// Takes the weights of the tower, whose names begin with `visual.` in published folders and with
/// `model.visual.` where newer programs saved them.
TowerWeights take_tower(const VisionSpec& spec, std::int64_t width, WeightTaker& taker);

}  // namespace lensbench
