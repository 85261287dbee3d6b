// Resized pictures and the rectangles of their tokens against values of a float64 program, which
// are in a folder shared with other projects: LENSBENCH_SHARED, or `shared` next to the checkout.
// Skipped where it is not.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/folders.hpp"
#include "vision/geometry/rectangles.hpp"
#include "vision/prepare.hpp"

namespace lensbench::vision {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Values of a dataset, one after the other.
template <class Value>
std::vector<Value> stored(hid_t file, const std::string& name, hid_t type) {
  const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  EXPECT_GE(dataset, 0) << name;
  const hid_t space = H5Dget_space(dataset);
  std::vector<Value> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
  EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
  H5Sclose(space);
  H5Dclose(dataset);
  return values;
}

/// Pixels of pictures of at most 260 on a side: rounding of float64 alone.
void expect_rectangles(const std::vector<Rectangle>& found, const std::vector<double>& expected) {
  ASSERT_EQ(4 * found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i].x0, expected[4 * i], 1e-12) << i;
    EXPECT_NEAR(found[i].y0, expected[4 * i + 1], 1e-12) << i;
    EXPECT_NEAR(found[i].x1, expected[4 * i + 2], 1e-12) << i;
    EXPECT_NEAR(found[i].y1, expected[4 * i + 3], 1e-12) << i;
  }
}

/// The only picture of a case.
void expect_case(hid_t file, const std::string& name, const PreparedPicture& picture) {
  EXPECT_EQ(picture.resized.rgb,
            stored<std::uint8_t>(file, name + "/resized_rgb/0", H5T_NATIVE_UINT8));
  const PatchGrid& grid = picture.rows.grid;
  const auto expected = [&](const char* which) {
    return stored<double>(file, name + "/rectangles_" + which, H5T_NATIVE_DOUBLE);
  };
  const PictureSize upright = picture.decoded.upright.size;
  std::vector<Rectangle> rectangles = token_rectangles(grid, 2, upright);
  expect_rectangles(rectangles, expected("upright"));
  expect_rectangles(token_rectangles(grid, 2, picture.resized.size), expected("resized"));
  for (Rectangle& one : rectangles)
    one = upright_to_stored(one, picture.decoded.orientation, upright);
  expect_rectangles(rectangles, expected("stored"));
}

TEST(RectanglesGolden, AreThoseOfAnIndependentProgramInAllThreePictures) {
  const char* given = std::getenv("LENSBENCH_SHARED");
  const fs::path folder =
      fs::path(given != nullptr ? given : testing::source_folder() + "/../shared") / "golden" /
      "vision";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const Json index = Json::parse(std::ifstream(folder / "index.json"));
  PictureSettings settings;
  settings.limits.min_pixels = index.at("limits_small").at(0);
  settings.limits.max_pixels = index.at("limits_small").at(1);
  int compared = 0;
  for (const auto& [model, facts] : index.at("models").items()) {
    const hid_t file = H5Fopen((folder / (model + ".h5")).c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    for (const auto& [name, one] : facts.at("cases").items()) {
      if (one.at("images").empty()) continue;
      SCOPED_TRACE(model + "/" + name);
      ASSERT_EQ(one.at("images").size(), 1U);
      const std::string image = one.at("images").at(0);
      expect_case(file, name,
                  prepare_picture(read_picture_file(folder / "images" / image), image, settings));
      ++compared;
    }
    H5Fclose(file);
  }
  EXPECT_EQ(compared, 7);
}

}  // namespace
}  // namespace lensbench::vision
