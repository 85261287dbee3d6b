#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "vision/rows/pixel_rows.hpp"

namespace lensbench::vision {
namespace {

using ::testing::ElementsAre;

const Normalization kAsItIs{1, {0, 0, 0}, {1, 1, 1}};

/// A picture whose red values count up from 0, and whose green and blue ones are 100 and 200 more.
Picture counted(PictureSize size) {
  Picture picture{size, {}};
  for (std::int64_t i = 0; i < size.height * size.width; ++i)
    for (const std::int64_t base : {0, 100, 200})
      picture.rgb.push_back(static_cast<std::uint8_t>(base + i));
  return picture;
}

TEST(PixelRows, ComeTokenByToken) {
  const PixelRows rows = pixel_rows(counted({4, 4}), {1, 2, 1}, kAsItIs);
  EXPECT_EQ(rows.grid, (PatchGrid{1, 4, 4}));
  EXPECT_EQ(rows.grid.patches(), 16);
  EXPECT_EQ(rows.grid.tokens(2), 4);
  std::vector<float> reds;
  for (std::size_t i = 0; i < rows.values.size(); i += 3) reds.push_back(rows.values[i]);
  EXPECT_THAT(reds, ElementsAre(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
}

TEST(PixelRows, HoldColourFrameRowAndColumn) {
  const PixelRows rows = pixel_rows(counted({2, 4}), {2, 1, 2}, kAsItIs);
  EXPECT_EQ(rows.grid, (PatchGrid{1, 1, 2}));
  EXPECT_THAT(std::vector(rows.values.begin() + 24, rows.values.end()),
              ElementsAre(2, 3, 6, 7, 2, 3, 6, 7, 102, 103, 106, 107, 102, 103, 106, 107,  //
                          202, 203, 206, 207, 202, 203, 206, 207));
}

// (byte · 0.00392156862745098 - mean) / std in float64, to float's precision.
TEST(PixelRows, AreNormalizedByColour) {
  Picture picture{{28, 28}, {}};
  for (int i = 0; i < 28 * 28; ++i) picture.rgb.insert(picture.rgb.end(), {0, 128, 255});
  const PixelRows rows = pixel_rows(picture);
  ASSERT_EQ(rows.values.size(), 4U * 1176U);
  EXPECT_FLOAT_EQ(rows.values[0], -1.7922625F);
  EXPECT_FLOAT_EQ(rows.values[392], 0.16889732F);
  EXPECT_FLOAT_EQ(rows.values[784], 2.1458969F);
}

TEST(PixelRows, NeedSidesOfWholeTokens) {
  EXPECT_THROW(pixel_rows(counted({28, 42})), UsageError);
  EXPECT_THROW(pixel_rows(counted({42, 28})), UsageError);
}

}  // namespace
}  // namespace lensbench::vision
