#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "pictures.hpp"

namespace lensbench::vision {
namespace {

PictureSize resized(PictureSize size, PixelLimits limits = {}) {
  return smart_resize(size, 28, limits, "picture");
}

TEST(SmartResize, RoundsHalvesToEvenMultiples) {
  const PixelLimits any{1, kMostPixels};
  EXPECT_EQ(resized({42, 70}, any), (PictureSize{56, 56}));
  EXPECT_EQ(resized({98, 126}, any), (PictureSize{112, 112}));
  EXPECT_EQ(resized({97, 211}, any), (PictureSize{84, 224}));
}

TEST(SmartResize, KeepsTheAreaInsideOfItsLimits) {
  EXPECT_EQ(resized({14, 14}), (PictureSize{56, 56})) << "a side that became 0 grows";
  EXPECT_EQ(resized({14, 14}, {200704, 1003520}), (PictureSize{448, 448}));
  EXPECT_EQ(resized({2, 400}), (PictureSize{28, 812}));
  EXPECT_EQ(resized({2, 400}, {3136, 10000}), (PictureSize{28, 812})) << "above the limit";
  const PictureSize large = resized({1739, 2300});
  EXPECT_LE(large.height * large.width, 1003520);
  EXPECT_EQ(large, (PictureSize{868, 1148}));
}

TEST(SmartResize, RefusesOnlyMoreThan200To1) {
  EXPECT_EQ(resized({1, 200}), (PictureSize{28, 812}));
  EXPECT_THROW(resized({1, 201}), InputError);
  EXPECT_THROW(resized({403, 2}), InputError);
  EXPECT_THROW(prepare_picture(picture_bytes("refused/too_long.png"), "too_long.png", {}),
               InputError);
}

/// Noise without a random generator.
Picture noise(PictureSize size) {
  Picture picture{size, {}};
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < bytes_of(size, 3); ++i) {
    state = state * 1664525U + 1013904223U;
    picture.rgb.push_back(static_cast<std::uint8_t>(state >> 24U));
  }
  return picture;
}

// Pillow 13 begins with the height if that shrinks by more than twice what the width shrinks. An
// axis alone is compared with Pillow in pictures_test.cpp.
TEST(Bicubic, OrderOfTheAxesIsThatOfPillow13OrTheWidthFirst) {
  struct Example {
    PictureSize from, to;
    bool height_first;
  };
  for (const auto& [from, to, height_first] :
       {Example{{97, 211}, {84, 224}, true}, Example{{190, 260}, {168, 252}, true},
        Example{{190, 260}, {170, 250}, false}, Example{{190, 260}, {169, 250}, true},
        Example{{100, 100}, {112, 84}, false}, Example{{50, 100}, {56, 112}, false}}) {
    const Picture picture = noise(from);
    const auto in_steps = [&picture, &to = to](PictureSize between) {
      return resize_bicubic(resize_bicubic(picture, between), to).rgb;
    };
    const auto width_first = in_steps({from.height, to.width});
    const auto other = in_steps({to.height, from.width});
    ASSERT_NE(width_first, other);
    EXPECT_EQ(resize_bicubic(picture, to).rgb, height_first ? other : width_first)
        << from.height << " x " << from.width;
    EXPECT_EQ(resize_bicubic(picture, to, ResizeOrder::width_first).rgb, width_first);
  }
}

TEST(Bicubic, KeepsAPictureOfTheSameSizeAndOneColour) {
  const Picture picture = noise({30, 20});
  EXPECT_EQ(resize_bicubic(picture, {30, 20}).rgb, picture.rgb);
  Picture plain{{31, 17}, std::vector<std::uint8_t>(bytes_of({31, 17}, 3), 201)};
  for (const PictureSize size : {PictureSize{28, 56}, PictureSize{280, 28}, PictureSize{1, 1}})
    EXPECT_EQ(resize_bicubic(plain, size).rgb,
              std::vector<std::uint8_t>(bytes_of(size, 3), std::uint8_t{201}));
}

// Doubling by hand: the weights of an output a quarter of a pixel off an input are -9/128, 111/128,
// 29/128, -3/128 (Keys 1981, a = -0.5), and those at the edges are scaled to sum 1.
TEST(Bicubic, DoublingByHand) {
  const Picture row{{1, 5}, {0, 0, 0, 128, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0}};
  const auto doubled = resize_bicubic(row, {1, 10}).rgb;
  const auto red = [&](std::size_t x) { return doubled[x * 3]; };
  EXPECT_EQ(red(4), 29);               // inputs 0 to 3: 128·29/128
  EXPECT_EQ(red(3), 111);              // inputs 0 to 3, mirrored: 128·111/128
  EXPECT_EQ(red(5), 0);                // inputs 1 to 4: 128·(-9/128) is below 0
  EXPECT_EQ(doubled[5 * 3 + 1], 221);  // 255·111/128 = 221.1
}

}  // namespace
}  // namespace lensbench::vision
