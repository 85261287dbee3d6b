#include "vision/encode/jpeg.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>

#include "vision/decode/decode.hpp"

namespace lensbench::vision {
namespace {

/// A picture whose colours change slowly, as JPEG keeps best.
Picture ramp(std::int64_t height, std::int64_t width) {
  Picture picture{{height, width}, {}};
  picture.rgb.reserve(bytes_of(picture.size, 3));
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (const std::int64_t value : {255 * x / width, 255 * y / height, std::int64_t{90}})
        picture.rgb.push_back(static_cast<std::uint8_t>(value));
  return picture;
}

// At quality 90 the step of the mean of a block is 3 of 255, and those of slow waves are 2 to 4;
// colours are stored for squares of 2 x 2 pixels, between which these ramps change by 4 at most.
TEST(JpegFile, HasThePicture) {
  const Picture picture = ramp(48, 130);
  const Picture back = decode_picture(jpeg_of(picture, 90), "ramp.jpg").upright;
  ASSERT_EQ(back.size, picture.size);
  double sum = 0;
  for (std::size_t i = 0; i < picture.rgb.size(); ++i)
    sum += std::abs(static_cast<double>(picture.rgb[i]) - static_cast<double>(back.rgb[i]));
  EXPECT_LT(sum / static_cast<double>(picture.rgb.size()), 4);
}

TEST(JpegFile, HasTheSameBytesTwice) {
  const Picture picture = ramp(31, 17);
  EXPECT_EQ(jpeg_of(picture, 85), jpeg_of(picture, 85));
  EXPECT_LT(jpeg_of(picture, 20).size(), jpeg_of(picture, 95).size());
}

// 65,500 is the limit of libjpeg (JPEG_MAX_DIMENSION).
TEST(JpegFile, RefusesALongerSideThanTheFormatHas) {
  EXPECT_THROW(jpeg_of(ramp(1, 65'501), 85), RunError);
  EXPECT_THROW(jpeg_of(Picture{{0, 0}, {}}, 85), RunError);
}

}  // namespace
}  // namespace lensbench::vision
