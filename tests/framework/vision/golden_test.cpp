// Pictures, sizes and windows against tables of transformers 5.24.0 with Pillow 13.0.0, which are
// in a folder shared with other projects: LENSBENCH_SHARED, or `shared` next to the checkout.
// Skipped where it is not. Everything is equal to the last bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "hashes.hpp"
#include "support/folders.hpp"
#include "vision/geometry/windows.hpp"
#include "vision/prepare.hpp"

namespace lensbench::vision {
namespace {

using Json = nlohmann::json;
using Integers = std::vector<std::int64_t>;

class SharedTables : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("LENSBENCH_SHARED");
    folder =
        std::filesystem::path(given != nullptr ? given : testing::source_folder() + "/../shared") /
        "golden" / "vision";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
  }
  Json table(const std::string& name) const { return Json::parse(std::ifstream(folder / name)); }

  std::filesystem::path folder;
};

const std::map<std::string, PixelLimits> kLimits = {
    {"small", {3136, 47040}}, {"default", {}}, {"hub", {3136, 12845056}}};

/// The picture of 2300 x 1739 pixels, which is computed and not stored.
Picture big_picture() {
  Picture picture{{1739, 2300}, {}};
  picture.rgb.reserve(bytes_of(picture.size, 3));
  const auto add = [&](std::int64_t value) {
    picture.rgb.push_back(static_cast<std::uint8_t>(value % 256));
  };
  for (std::int64_t y = 0; y < picture.size.height; ++y)
    for (std::int64_t x = 0; x < picture.size.width; ++x) {
      add(x * x / 611 + y);
      add((x ^ y) * 3 + x * y / 977);
      add(y * y / 733 + 2 * x);
    }
  return picture;
}

void expect_prepared(const Picture& upright, const Json& limits) {
  for (const auto& [name, row] : limits.items()) {
    SCOPED_TRACE(name);
    const PictureSize size = smart_resize(upright.size, 28, kLimits.at(name), "picture");
    EXPECT_EQ((Integers{size.height, size.width}), row.at("resized_hw").get<Integers>());
    for (const auto& [pillow, order] :
         {std::pair{"pillow13", ResizeOrder::pillow13}, {"pillow12", ResizeOrder::width_first}}) {
      if (!row.contains(pillow)) continue;
      SCOPED_TRACE(pillow);
      const Picture resized = resize_bicubic(upright, size, order);
      EXPECT_EQ(hash_of(resized.rgb), row.at(pillow).at("resized_rgb_sha256").get<std::string>());
      const PixelRows rows = pixel_rows(resized);
      EXPECT_EQ(hash_of(rows.values),
                row.at(pillow).at("pixel_values_f32_sha256").get<std::string>());
      EXPECT_EQ((Integers{rows.grid.time, rows.grid.height, rows.grid.width}),
                row.at("image_grid_thw").get<Integers>());
    }
  }
}

void expect_refused(const std::string& bytes, const std::string& name) {
  EXPECT_THROW(prepare_picture(bytes, name, {}, {Alpha::drop, SixteenBit::clip}), InputError);
}

TEST_F(SharedTables, PicturesDecodeResizeAndNormalizeToTheSameBits) {
  int compared = 0;
  const Json pictures = table("preprocess.json");
  for (const auto& [name, entry] : pictures.items()) {
    SCOPED_TRACE(name);
    if (entry.contains("generated")) continue;
    const std::string bytes = read_picture_file(folder / "images" / name);
    if (entry.contains("error")) {
      expect_refused(bytes, name);
      continue;
    }
    const auto decoded = decode_picture(bytes, name, {Alpha::drop, SixteenBit::clip});
    EXPECT_EQ(decoded.orientation, entry.at("orientation").get<int>());
    EXPECT_EQ((Integers{decoded.stored.width, decoded.stored.height}),
              entry.at("stored_size_wh").get<Integers>());
    EXPECT_EQ(hash_of(decoded.upright.rgb),
              entry.at("path").at("decoded_rgb_sha256").get<std::string>());
    expect_prepared(decoded.upright, entry.at("path").at("limits"));
    ++compared;
  }
  EXPECT_GT(compared, 25);
}

TEST_F(SharedTables, TransparentPicturesInFrontOfWhiteAreThoseOfAnOpenedPicture) {
  int compared = 0;
  const Json pictures = table("preprocess.json");
  for (const auto& [name, entry] : pictures.items()) {
    SCOPED_TRACE(name);
    // An opened picture is not turned.
    if (!entry.contains("opened") || entry.at("orientation") != 1) continue;
    const std::string bytes = read_picture_file(folder / "images" / name);
    const auto decoded = decode_picture(bytes, name, {Alpha::white, SixteenBit::clip});
    EXPECT_EQ(hash_of(decoded.upright.rgb),
              entry.at("opened").at("decoded_rgb_sha256").get<std::string>());
    expect_prepared(decoded.upright, entry.at("opened").at("limits"));
    ++compared;
  }
  EXPECT_GE(compared, 2);
}

TEST_F(SharedTables, APhotographOfFourMegapixels) {
  const Picture picture = big_picture();
  const Json entry = table("preprocess.json").at("big_w2300_h1739").at("path");
  ASSERT_EQ(hash_of(picture.rgb), entry.at("decoded_rgb_sha256").get<std::string>());
  expect_prepared(picture, entry.at("limits"));
}

TEST_F(SharedTables, SmartResize) {
  const Json rows = table("smart_resize.json").at("rows");
  for (const auto& row : rows) {
    const auto n = row.get<Integers>();
    const auto resize = [&] { return smart_resize({n[0], n[1]}, n[2], {n[3], n[4]}, "picture"); };
    if (n[5] == 0)
      EXPECT_THROW(resize(), InputError) << row;
    else
      EXPECT_EQ(resize(), (PictureSize{n[5], n[6]})) << row;
  }
}

TEST_F(SharedTables, Windows) {
  const Json rows = table("windows.json");
  for (const auto& row : rows) {
    std::vector<PatchGrid> grids;
    for (const auto& grid : row.at("grid_thw")) grids.push_back({grid[0], grid[1], grid[2]});
    const WindowOrder order = window_order(grids, {}, row.at("window_size"));
    EXPECT_EQ(order.tokens, row.at("window_index").get<Integers>());
    EXPECT_EQ(order.places, row.at("inverse").get<Integers>());
    EXPECT_EQ(order.windows, row.at("cu_window_seqlens").get<Integers>());
    EXPECT_EQ(frame_starts(grids), row.at("cu_seqlens").get<Integers>());
    std::vector<std::int32_t> coordinates;
    for (const PatchPlace& place : patch_places(grids, 2)) {
      coordinates.push_back(static_cast<std::int32_t>(place.row));
      coordinates.push_back(static_cast<std::int32_t>(place.column));
    }
    EXPECT_EQ(hash_of(coordinates), row.at("patch_row_column_sha256_int32").get<std::string>());
  }
}

TEST_F(SharedTables, SettingsOfTheCheckpoints) {
  for (const char* model : {"qwen2_vl_tiny", "qwen2_5_vl_tiny", "qwen2_vl_tiny_legacy"}) {
    const std::string file = std::string(model) + "/preprocessor_config.json";
    const PictureSettings settings = read_picture_settings(table(file), file);
    EXPECT_EQ(settings.limits.min_pixels, 3136);
    EXPECT_EQ(settings.limits.max_pixels, 47040);
    EXPECT_EQ(settings.shape, PatchShape{});
    EXPECT_EQ(settings.normalization, Normalization{});
  }
}

}  // namespace
}  // namespace lensbench::vision
