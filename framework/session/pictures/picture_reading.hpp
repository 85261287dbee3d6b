#pragma once

#include <filesystem>
#include <lensbench/parameters.hpp>
#include <lensbench/spec.hpp>
#include <optional>

#include "vision/decode/decode.hpp"
#include "vision/resize/bicubic.hpp"
#include "vision/settings/picture_settings.hpp"

namespace lensbench {

/// How the pictures of a run become the rows that a vision tower reads.
struct PictureReading {
  vision::PictureSettings settings;  ///< settings of the checkpoint, with the limits of the request
  vision::DecodeOptions decode;
  vision::ResizeOrder order = vision::ResizeOrder::pillow13;
  bool keeps_files = false;  ///< the archive gets the picture files
  /// File of the checkpoint that has the settings; empty if it has none.
  std::optional<std::filesystem::path> file = std::nullopt;
  Settings values;  ///< every setting of pictures by its name, for the recipe
};

/// Takes the settings of pictures out of those of a tool or an experiment.
Settings take_picture_settings(Settings& given);

/// Settings of a checkpoint, changed by those of a request.
/// \param spec       tower that will read the pictures
/// \param directory  of the checkpoint
/// \param given      settings of pictures, as text
/// \throws UsageError for a value that is not allowed; InputError for settings of the checkpoint
///   that are not supported
PictureReading picture_reading(const VisionSpec& spec, const std::filesystem::path& directory,
                               const Settings& given);

}  // namespace lensbench
