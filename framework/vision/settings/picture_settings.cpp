#include "vision/settings/picture_settings.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "core/text/json_reader.hpp"
#include "core/text/printable.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::vision {
namespace {

constexpr Range<std::int64_t> kPixels{1, kMostPixels};
constexpr Range<std::int64_t> kPatchSide{1, 256};
constexpr Range<std::int64_t> kFew{1, 16};
constexpr int kBicubic = 3;
constexpr int kColours = 3;

// Settings that this file reads, and those that change nothing about pixels.
const std::vector<std::string> kRead = {
    "do_resize",      "do_rescale", "do_normalize",        "do_convert_rgb", "resample",
    "rescale_factor", "image_mean", "image_std",           "min_pixels",     "max_pixels",
    "size",           "patch_size", "temporal_patch_size", "merge_size"};
const std::vector<std::string> kWithoutEffect = {"image_processor_type", "feature_extractor_type",
                                                 "processor_class",      "auto_map",
                                                 "_processor_class",     "default_to_square",
                                                 "return_tensors",       "device",
                                                 "disable_grouping",     "data_format",
                                                 "input_data_format"};
const std::vector<std::string> kSteps = {"do_resize", "do_rescale", "do_normalize",
                                         "do_convert_rgb"};
const std::vector<std::string> kProcessors = {"Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast",
                                              "Qwen2VLImageProcessorPil",
                                              "Qwen2_5_VLImageProcessor"};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Refuses unknown settings, unless they are off. A setting that is null or false asks for nothing.
void refuse_unknown(const JsonReader& reader) {
  for (const auto& [name, value] : reader.value().items()) {
    if (contains(kRead, name) || contains(kWithoutEffect, name) || value.is_null() ||
        value == false)
      continue;
    reader.fail(printable(name), "is not a setting of pictures that is supported" +
                                     suggest(printable(name), kRead) + "; remove it");
  }
}

void refuse_other_steps(const JsonReader& reader) {
  for (const std::string& step : kSteps)
    if (!reader.boolean_or(step, true))
      reader.fail(step, "expected true, found false, which is not supported");
  if (const auto resample = reader.find("resample"); resample && resample->integer() != kBicubic)
    resample->fail("expected 3 (bicubic), found " + std::to_string(resample->integer()) +
                   ", which is not supported");
  if (const auto type = reader.find("image_processor_type");
      type && !contains(kProcessors, type->string()))
    type->fail("expected " + kProcessors.front() + ", found '" + printable(type->string()) +
               "', which is not supported");
}

/// One limit. The names inside `size` are of areas, although they say edges.
/// \param top, edge  its name in the file, and inside `size`
std::int64_t read_limit(const JsonReader& reader, std::string_view top, std::string_view edge,
                        std::int64_t otherwise) {
  if (const auto value = reader.find(top)) return value->integer(kPixels);
  const auto size = reader.find("size");
  if (!size) return otherwise;
  for (const std::string_view name : {edge, top})
    if (const auto value = size->find(name)) return value->integer(kPixels);
  size->fail(edge, "is missing; add it, or " + std::string(top) + " outside of size");
}

PixelLimits read_limits(const JsonReader& reader) {
  PixelLimits limits;
  if (const auto size = reader.find("size")) {
    const std::vector<std::string> known = {"shortest_edge", "longest_edge", "min_pixels",
                                            "max_pixels"};
    if (!size->value().is_object()) size->fail_expected("shortest_edge and longest_edge");
    for (const auto& [name, value] : size->value().items())
      if (!contains(known, name) && !value.is_null())
        size->fail(printable(name), "is not supported; expected shortest_edge and longest_edge");
  }
  limits.min_pixels = read_limit(reader, "min_pixels", "shortest_edge", limits.min_pixels);
  limits.max_pixels = read_limit(reader, "max_pixels", "longest_edge", limits.max_pixels);
  if (limits.min_pixels > limits.max_pixels)
    reader.fail("min_pixels", "expected at most max_pixels (" + std::to_string(limits.max_pixels) +
                                  "), found " + std::to_string(limits.min_pixels));
  return limits;
}

void read_colours(const JsonReader& reader, std::string_view name, Range<double> range,
                  std::array<double, 3>& colours) {
  const auto list = reader.find(name);
  if (!list) return;
  const std::vector<double> values = list->numbers(range);
  if (values.size() != kColours) list->fail_expected("three numbers");
  std::copy(values.begin(), values.end(), colours.begin());
}

std::int64_t integer_or(const JsonReader& reader, std::string_view name, std::int64_t otherwise,
                        Range<std::int64_t> range) {
  const auto value = reader.find(name);
  return value ? value->integer(range) : otherwise;
}

void require_equal(const std::string& file, std::string_view name, std::int64_t found,
                   std::int64_t model) {
  if (found != model)
    throw InputError(file + ": field " + std::string(name) + ": expected " + std::to_string(model) +
                     " as in the model's config.json, found " + std::to_string(found));
}

}  // namespace

PictureSettings read_picture_settings(const nlohmann::json& json, const std::string& file) {
  const JsonReader reader(json, file);
  if (!json.is_object()) reader.fail_expected("an object");
  refuse_unknown(reader);
  refuse_other_steps(reader);
  PictureSettings settings;
  settings.limits = read_limits(reader);
  PatchShape& shape = settings.shape;
  shape.patch = integer_or(reader, "patch_size", shape.patch, kPatchSide);
  shape.merge = integer_or(reader, "merge_size", shape.merge, kFew);
  shape.temporal = integer_or(reader, "temporal_patch_size", shape.temporal, kFew);
  // Bounds that keep every number of a float finite.
  constexpr Range<double> kMean{-1e6, 1e6}, kScale{1e-6, 1e6};
  Normalization& normalization = settings.normalization;
  if (const auto rescale = reader.find("rescale_factor"))
    normalization.rescale = rescale->number(kScale);
  read_colours(reader, "image_mean", kMean, normalization.mean);
  read_colours(reader, "image_std", kScale, normalization.std);
  return settings;
}

void require_shape(const PictureSettings& settings, const PatchShape& model,
                   const std::string& file) {
  require_equal(file, "patch_size", settings.shape.patch, model.patch);
  require_equal(file, "merge_size", settings.shape.merge, model.merge);
  require_equal(file, "temporal_patch_size", settings.shape.temporal, model.temporal);
}

}  // namespace lensbench::vision
