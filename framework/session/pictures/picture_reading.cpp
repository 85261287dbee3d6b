#include "session/pictures/picture_reading.hpp"

#include <lensbench/error.hpp>
#include <map>
#include <string>

#include "core/parameters/picture_parameters.hpp"
#include "core/text/json.hpp"

// Settings of pictures: what the checkpoint says, and what `--set` changes.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// Settings of pictures in the files of a checkpoint; null if it has none.
nlohmann::json stored_settings(const fs::path& directory, std::optional<fs::path>& file) {
  std::error_code error;
  const fs::path own = directory / "preprocessor_config.json";
  if (fs::exists(own, error)) {
    file = own;
    return read_json(own);
  }
  // transformers 5 can store them together with the settings of the tokenizer.
  const fs::path joint = directory / "processor_config.json";
  if (!fs::exists(joint, error)) return {};
  const nlohmann::json all = read_json(joint);
  const auto found = all.is_object() ? all.find("image_processor") : all.end();
  if (found == all.end() || !found->is_object()) return {};
  file = joint;
  return *found;
}

vision::PatchShape shape_of_tower(const VisionSpec& spec) {
  return {spec.patch_size, spec.merge_size, spec.temporal_size};
}

vision::Alpha alpha_of(const std::string& word) {
  return word == "white" ? vision::Alpha::white : vision::Alpha::drop;
}

vision::SixteenBit sixteen_bit_of(const std::string& word) {
  using vision::SixteenBit;
  return word == "scale"  ? SixteenBit::scale
         : word == "clip" ? SixteenBit::clip
                          : SixteenBit::refuse;
}

/// Changes the limits. A limit of the checkpoint that contradicts the given one is named.
void set_limits(vision::PixelLimits& limits, const Parameters& given) {
  if (given.is_set("min_pixels")) limits.min_pixels = given.integer("min_pixels");
  if (given.is_set("max_pixels")) limits.max_pixels = given.integer("max_pixels");
  if (limits.min_pixels > limits.max_pixels)
    throw UsageError("pictures: min_pixels is " + std::to_string(limits.min_pixels) +
                     ", but max_pixels is " + std::to_string(limits.max_pixels) +
                     "; set both so that min_pixels is the smaller one");
}

}  // namespace

Settings take_picture_settings(Settings& given) {
  Settings taken;
  for (const ParameterInfo& parameter : picture_parameters())
    if (auto found = given.extract(parameter.name)) taken.insert(std::move(found));
  return taken;
}

PictureReading picture_reading(const VisionSpec& spec, const fs::path& directory,
                               const Settings& given) {
  const Parameters values = Parameters::resolve(picture_parameters(), given, "pictures");
  PictureReading reading;
  const nlohmann::json stored = stored_settings(directory, reading.file);
  const std::string name = reading.file.value_or(directory).string();
  if (reading.file) reading.settings = vision::read_picture_settings(stored, name);
  if (!reading.file) reading.settings.shape = shape_of_tower(spec);
  vision::require_shape(reading.settings, shape_of_tower(spec), name);
  set_limits(reading.settings.limits, values);
  reading.decode.alpha = alpha_of(values.text("alpha"));
  reading.decode.sixteen_bit = sixteen_bit_of(values.text("sixteen_bit"));
  if (values.text("resize_order") == "width_first")
    reading.order = vision::ResizeOrder::width_first;
  reading.keeps_files = values.boolean("keep_images");
  reading.values = values.values();
  // Runs that do not keep pictures have the recipe that they had before this could be asked for.
  if (reading.keeps_files)
    reading.values["keep_images"] = "true";
  else
    reading.values.erase("keep_images");
  reading.values["min_pixels"] = std::to_string(reading.settings.limits.min_pixels);
  reading.values["max_pixels"] = std::to_string(reading.settings.limits.max_pixels);
  return reading;
}

}  // namespace lensbench
