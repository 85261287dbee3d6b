#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "vision/settings/picture_settings.hpp"

namespace lensbench::vision {
namespace {

using Json = nlohmann::json;

PixelLimits limits_of(const char* json) {
  return read_picture_settings(Json::parse(json), "p.json").limits;
}

void expect_limits(const char* json, std::int64_t min_pixels, std::int64_t max_pixels) {
  EXPECT_EQ(limits_of(json).min_pixels, min_pixels) << json;
  EXPECT_EQ(limits_of(json).max_pixels, max_pixels) << json;
}

TEST(PictureSettings, LimitsHaveThreeForms) {
  expect_limits("{}", 3136, 1003520);
  expect_limits(R"({"min_pixels": 100, "max_pixels": 200})", 100, 200);
  expect_limits(R"({"size": {"shortest_edge": 100, "longest_edge": 200}})", 100, 200);
  expect_limits(R"({"size": {"min_pixels": 100, "max_pixels": 200}})", 100, 200);
  expect_limits(R"({"size": {"shortest_edge": 1, "min_pixels": 100, "longest_edge": 200}})", 1,
                200);
  expect_limits(R"({"min_pixels": 50, "size": {"shortest_edge": 100, "longest_edge": 200}})", 50,
                200);
  expect_limits(R"({"max_pixels": 300, "size": {"shortest_edge": 100}})", 100, 300);
  expect_limits(R"({"min_pixels": null, "size": {"shortest_edge": 100, "longest_edge": 200}})", 100,
                200);
}

TEST(PictureSettings, AllFieldsAreRead) {
  const auto settings = read_picture_settings(
      Json::parse(R"({"do_resize": true, "do_rescale": true, "do_normalize": true,
        "do_convert_rgb": true, "resample": 3, "rescale_factor": 0.5, "image_mean": [1, 2, 3],
        "image_std": [4, 5, 6], "patch_size": 16, "merge_size": 4, "temporal_patch_size": 1,
        "image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "X",
        "data_format": "channels_first", "do_center_crop": false, "crop_size": null})"),
      "p.json");
  EXPECT_EQ(settings.normalization, (Normalization{0.5, {1, 2, 3}, {4, 5, 6}}));
  EXPECT_EQ(settings.shape, (PatchShape{16, 4, 1}));
}

TEST(PictureSettings, RefusesByName) {
  const std::map<std::string, std::string> refusals = {
      {R"({"do_resize": false})", "field do_resize: expected true, found false"},
      {R"({"do_convert_rgb": false})", "field do_convert_rgb: expected true, found false"},
      {R"({"resample": 2})", "field resample: expected 3 (bicubic), found 2"},
      {R"({"do_center_crop": true})", "field do_center_crop: is not a setting"},
      {R"({"pach_size": 14})",
       "field pach_size: is not a setting of pictures that is supported; "
       "did you mean 'patch_size'"},
      {R"({"size": {"shortest_edge": 5}})", "field size.longest_edge: is missing"},
      {R"({"size": {"height": 224, "width": 224}})", "field size.height: is not supported"},
      {R"({"size": 224})", "field size: expected shortest_edge and longest_edge"},
      {R"({"min_pixels": 9, "max_pixels": 8})",
       "field min_pixels: expected at most max_pixels (8)"},
      {R"({"max_pixels": 0})", "field max_pixels"},
      {R"({"image_mean": [1, 2]})", "field image_mean: expected three numbers"},
      {R"({"image_std": [1, 0, 1]})", "field image_std"},
      {R"({"image_processor_type": "CLIPImageProcessor"})",
       "field image_processor_type: expected Qwen2VLImageProcessor, found 'CLIPImageProcessor'"},
      {"[]", "expected an object"},
  };
  for (const auto& [json, message] : refusals) {
    try {
      limits_of(json.c_str());
      ADD_FAILURE() << json << " was accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(message));
      EXPECT_THAT(error.what(), ::testing::StartsWith("p.json: "));
    }
  }
}

TEST(PictureSettings, MustHaveThePatchesOfTheModel) {
  PictureSettings settings;
  EXPECT_NO_THROW(require_shape(settings, {}, "p.json"));
  settings.shape.merge = 4;
  try {
    require_shape(settings, {}, "p.json");
    ADD_FAILURE();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "p.json: field merge_size: expected 2 as in the model's config.json, found 4");
  }
}

}  // namespace
}  // namespace lensbench::vision
