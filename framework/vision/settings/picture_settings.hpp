#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "vision/resize/smart_resize.hpp"
#include "vision/rows/pixel_rows.hpp"

namespace lensbench::vision {

/// How a checkpoint wants pictures: its `preprocessor_config.json`. The defaults are those of
/// transformers' Qwen2VLImageProcessor without a file.
struct PictureSettings {
  PixelLimits limits;
  PatchShape shape;
  Normalization normalization;
};

/// Reads the settings of a preprocessor. Settings that change the computation and are not supported
/// are refused by name, unknown ones as well.
/// \param file  named in messages
/// \throws InputError
PictureSettings read_picture_settings(const nlohmann::json& json, const std::string& file);

/// Checks that pictures are taken apart as the model expects it.
/// \param model  of the model's own configuration
/// \param file   of the settings, named in messages
/// \throws InputError that names the setting that differs
void require_shape(const PictureSettings& settings, const PatchShape& model,
                   const std::string& file);

}  // namespace lensbench::vision
