#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "vision/geometry/rectangles.hpp"
#include "vision/geometry/windows.hpp"

namespace lensbench::vision {
namespace {

using ::testing::ElementsAre;

TEST(Rectangles, AreOfThePictureWhosePixelsAreAskedFor) {
  const PatchGrid grid{1, 6, 16};  // a picture of 211 x 97 pixels, resized to 224 x 84
  const auto resized = token_rectangles(grid, 2, {84, 224});
  ASSERT_EQ(resized.size(), 24U);
  EXPECT_EQ(resized[0], (Rectangle{0, 0, 28, 28}));
  EXPECT_EQ(resized[10], (Rectangle{56, 28, 84, 56}));
  const auto upright = token_rectangles(grid, 2, {97, 211});
  EXPECT_DOUBLE_EQ(upright[10].x0, 56 * 211.0 / 224);
  EXPECT_DOUBLE_EQ(upright[10].y0, 28 * 97.0 / 84);
  EXPECT_DOUBLE_EQ(upright[10].x1, 84 * 211.0 / 224);
  EXPECT_DOUBLE_EQ(upright[10].y1, 56 * 97.0 / 84);
}

TEST(Rectangles, TileThePictureExactly) {
  for (const PictureSize size :
       {PictureSize{97, 211}, PictureSize{1739, 2300}, PictureSize{1, 7}}) {
    const auto tiles = token_rectangles({1, 10, 14}, 2, size);
    ASSERT_EQ(tiles.size(), 35U);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      const bool last_column = i % 7 == 6, last_row = i / 7 == 4;
      EXPECT_EQ(tiles[i].x1, last_column ? static_cast<double>(size.width) : tiles[i + 1].x0);
      EXPECT_EQ(tiles[i].y1, last_row ? static_cast<double>(size.height) : tiles[i + 7].y0);
      EXPECT_TRUE(i % 7 != 0 || tiles[i].x0 == 0);
      EXPECT_TRUE(i / 7 != 0 || tiles[i].y0 == 0);
    }
  }
}

// Tokens of the first picture: 0 1 2 / 3 4 5 / 6 7 8, in windows of 2 x 2.
TEST(Windows, GoRowByRowAndCountThroughThePictures) {
  const std::vector<PatchGrid> grids = {{1, 6, 6}, {1, 2, 6}};
  const WindowOrder order = window_order(grids, {}, 56);
  EXPECT_THAT(order.tokens, ElementsAre(0, 1, 3, 4, 2, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(order.windows, ElementsAre(0, 16, 24, 32, 36, 44, 48));
  EXPECT_THAT(order.places, ElementsAre(0, 1, 4, 2, 3, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_NE(order.tokens, order.places) << "the order and its inverse must differ to be told apart";
  EXPECT_THAT(frame_starts(grids), ElementsAre(0, 36, 48));
}

TEST(Windows, OfAVideoAreThoseOfEachFrame) {
  const std::vector<PatchGrid> grids = {{2, 2, 6}};
  const WindowOrder order = window_order(grids, {}, 56);
  EXPECT_THAT(order.tokens, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(order.windows, ElementsAre(0, 8, 12, 20, 24));
  EXPECT_THAT(frame_starts(grids), ElementsAre(0, 12, 24));
}

TEST(Windows, MustHoldAToken) {
  const std::vector<PatchGrid> grids = {{1, 2, 2}};
  EXPECT_THROW(window_order(grids, {}, 27), UsageError);
}

TEST(PatchPlaces, AreInTheOrderOfTheRows) {
  const std::vector<PatchGrid> grids = {{1, 2, 4}, {1, 2, 2}};
  EXPECT_THAT(patch_places(grids, 2),
              ElementsAre(PatchPlace{0, 0, 0, 0}, PatchPlace{0, 0, 0, 1}, PatchPlace{0, 0, 1, 0},
                          PatchPlace{0, 0, 1, 1}, PatchPlace{0, 0, 0, 2}, PatchPlace{0, 0, 0, 3},
                          PatchPlace{0, 0, 1, 2}, PatchPlace{0, 0, 1, 3}, PatchPlace{1, 0, 0, 0},
                          PatchPlace{1, 0, 0, 1}, PatchPlace{1, 0, 1, 0}, PatchPlace{1, 0, 1, 1}));
}

}  // namespace
}  // namespace lensbench::vision
