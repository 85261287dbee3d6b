// Pictures of every kind, from the file to the rows for the tower, against transformers and Pillow
// (tests/data/vision/make.py, which names the versions). Equal to the last bit.
#include "pictures.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "hashes.hpp"

namespace lensbench::vision {
namespace {

using Json = nlohmann::json;
using Integers = std::vector<std::int64_t>;

const Json& expected_pictures() {
  static const Json expected =
      Json::parse(std::ifstream(testing::data_folder() + "/vision/expected.json"));
  return expected;
}

void expect_rows(const PreparedPicture& prepared, const Json& row) {
  const PatchGrid& grid = prepared.rows.grid;
  EXPECT_EQ((Integers{grid.time, grid.height, grid.width}), row.at("grid").get<Integers>());
  EXPECT_EQ(hash_of(prepared.resized.rgb), row.at("resized").get<std::string>());
  EXPECT_EQ(hash_of(prepared.rows.values), row.at("pixel_values").get<std::string>());
}

void expect_picture(const std::string& name, const Json& picture, Alpha alpha) {
  const std::string bytes = picture_bytes("pictures/" + name);
  const Json& row = picture.at(alpha == Alpha::drop ? "drop" : "white");
  for (const auto& [limits, pixels] : expected_pictures().at("limits").items()) {
    PictureSettings settings;
    settings.limits = {pixels[0], pixels[1]};
    const auto prepared = prepare_picture(bytes, name, settings, {alpha, SixteenBit::clip});
    const auto& [height, width] = prepared.decoded.upright.size;
    EXPECT_EQ((Integers{width, height}), row.at("size").get<Integers>());
    EXPECT_EQ(prepared.decoded_sha256, row.at("rgb").get<std::string>());
    EXPECT_EQ(prepared.decoded.orientation, picture.at("orientation").get<int>());
    const auto& stored = prepared.decoded.stored;
    EXPECT_EQ((Integers{stored.width, stored.height}), picture.at("stored_size").get<Integers>());
    expect_rows(prepared, row.at(limits));
  }
}

TEST(Pictures, AreThoseOfTransformersWhenItReadsTheFile) {
  for (const auto& [name, picture] : expected_pictures().at("pictures").items()) {
    SCOPED_TRACE(name);
    expect_picture(name, picture, Alpha::drop);
  }
}

TEST(Pictures, InFrontOfWhiteAreThoseOfAnOpenedPicture) {
  for (const auto& [name, picture] : expected_pictures().at("pictures").items()) {
    SCOPED_TRACE(name);
    // Pillow loses the high byte of 16-bit grey values in another way there.
    if (name != "grey_16_bits.png") expect_picture(name, picture, Alpha::white);
  }
}

}  // namespace
}  // namespace lensbench::vision
