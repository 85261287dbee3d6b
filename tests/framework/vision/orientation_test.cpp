#include "vision/orientation/orientation.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <string>

#include "vision/geometry/rectangles.hpp"
#include "vision/orientation/turn.hpp"

namespace lensbench::vision {
namespace {

std::string number(std::uint32_t value, int bytes, bool big) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>((value >> (8 * (big ? bytes - 1 - i : i))) & 0xffU);
  return text;
}

struct Entry {
  std::uint32_t tag = 0x0112, type = 3, count = 1, value = 6;
};

/// A TIFF structure with these entries in its first directory.
std::string tiff(const std::vector<Entry>& entries, bool big) {
  std::string text = big ? std::string("MM\0*", 4) : std::string("II*\0", 4);
  text += number(8, 4, big) + number(static_cast<std::uint32_t>(entries.size()), 2, big);
  for (const Entry& entry : entries) {
    text += number(entry.tag, 2, big) + number(entry.type, 2, big) + number(entry.count, 4, big);
    const int bytes = entry.type == 3 ? 2 : entry.type == 4 ? 4 : 1;
    text +=
        number(entry.value, bytes, big) + std::string(static_cast<std::size_t>(4 - bytes), '\0');
  }
  return text;
}

TEST(Orientation, IsReadFromExifInBothByteOrders) {
  for (const bool big : {false, true})
    for (const std::uint32_t type : {1, 3, 4}) {
      const std::string exif = tiff({{0x010e, 2, 9, 100}, {0x0112, type, 1, 8}}, big);
      EXPECT_EQ(exif_orientation(exif), 8);
      EXPECT_EQ(exif_orientation(std::string("Exif\0\0Exif\0\0", 12) + exif), 8);
    }
}

TEST(Orientation, OfADamagedBlockIsThatOfItsWholeEntries) {
  const std::string exif = tiff({{0x0112, 3, 1, 6}, {0x0112, 3, 1, 3}}, true);
  EXPECT_EQ(exif_orientation(exif), 3) << "the last of two counts, as in Pillow";
  EXPECT_EQ(exif_orientation(exif.substr(0, exif.size() - 1)), 6);
  EXPECT_EQ(exif_orientation(exif.substr(0, 21)), std::nullopt);
  std::string outside = exif;
  outside.replace(4, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(exif_orientation(outside), std::nullopt);
  EXPECT_EQ(exif_orientation("II*"), std::nullopt);
  EXPECT_EQ(exif_orientation(""), std::nullopt);
}

TEST(Orientation, OfXmpStandsInAnAttributeOrAnElement) {
  EXPECT_EQ(xmp_orientation("<a tiff:Orientation=\"6\"/>"), 6);
  EXPECT_EQ(xmp_orientation("<tiff:Orientation>3</tiff:Orientation>"), 3);
  EXPECT_EQ(xmp_orientation("tiff:Orientation=6 tiff:Orientation=\"x\" tiff:Orientation>5"), 5);
  EXPECT_EQ(xmp_orientation("tiff:Orientation=\""), std::nullopt);
  EXPECT_EQ(xmp_orientation("exif:Orientation=\"6\""), std::nullopt);
}

TEST(Orientation, OfExifComesBeforeThatOfXmp) {
  const std::string xmp = "tiff:Orientation=\"8\"";
  EXPECT_EQ(orientation_of(tiff({{}}, true), xmp), 6);
  EXPECT_EQ(orientation_of(tiff({{0x0112, 3, 1, 1}}, true), xmp), 1);
  EXPECT_EQ(orientation_of(tiff({{0x0112, 3, 2, 6}}, true), xmp), 1) << "two values are none";
  EXPECT_EQ(orientation_of(tiff({{0x0100, 3, 1, 6}}, true), xmp), 8);
  EXPECT_EQ(orientation_of("", xmp), 8);
  EXPECT_EQ(orientation_of("", "tiff:Orientation=\"9\""), 1);
  EXPECT_EQ(orientation_of("", "tiff:Orientation=\"0\""), 1);
  EXPECT_EQ(orientation_of("", ""), 1);
}

/// A picture whose pixels have the first value given, and two others that follow from it.
Picture numbered(PictureSize size, const std::vector<int>& reds) {
  Picture picture{size, {}};
  for (const int red : reds)
    for (const int value : {red, red + 1, red + 2})
      picture.rgb.push_back(static_cast<std::uint8_t>(value));
  return picture;
}

// The stored picture is 10 20 30 / 40 50 60.
const std::map<int, Picture> kUpright = {
    {1, numbered({2, 3}, {10, 20, 30, 40, 50, 60})},
    {2, numbered({2, 3}, {30, 20, 10, 60, 50, 40})},
    {3, numbered({2, 3}, {60, 50, 40, 30, 20, 10})},
    {4, numbered({2, 3}, {40, 50, 60, 10, 20, 30})},
    {5, numbered({3, 2}, {10, 40, 20, 50, 30, 60})},
    {6, numbered({3, 2}, {40, 10, 50, 20, 60, 30})},
    {7, numbered({3, 2}, {60, 30, 50, 20, 40, 10})},
    {8, numbered({3, 2}, {30, 60, 20, 50, 10, 40})},
};

TEST(Orientation, TurnsUpright) {
  for (const auto& [orientation, upright] : kUpright) {
    const Picture turned = turn_upright(kUpright.at(1), orientation);
    EXPECT_EQ(turned.size, upright.size) << orientation;
    EXPECT_EQ(turned.rgb, upright.rgb) << orientation;
  }
}

TEST(Orientation, TurnsAndTheirInversesGiveTheSamePicture) {
  std::vector<int> reds(150 * 70);
  std::iota(reds.begin(), reds.end(), 0);
  const Picture picture = numbered({150, 70}, reds);
  for (const auto& [turn, back] : {std::pair{2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 8}, {7, 7}, {8, 6}})
    EXPECT_EQ(turn_upright(turn_upright(picture, turn), back).rgb, picture.rgb) << turn;
}

TEST(Orientation, RectanglesOfTheUprightPictureHoldTheSameStoredPixels) {
  const Picture stored = kUpright.at(1);
  for (const auto& [orientation, upright] : kUpright)
    for (std::int64_t y = 0; y < upright.size.height; ++y)
      for (std::int64_t x = 0; x < upright.size.width; ++x) {
        const auto left = static_cast<double>(x), top = static_cast<double>(y);
        const Rectangle place =
            upright_to_stored({left, top, left + 1, top + 1}, orientation, upright.size);
        EXPECT_EQ(place.x1 - place.x0, 1);
        EXPECT_EQ(place.y1 - place.y0, 1);
        const auto at = static_cast<std::size_t>(place.y0 * 3 + place.x0) * 3;
        EXPECT_EQ(stored.rgb.at(at),
                  upright.rgb.at(static_cast<std::size_t>(y * upright.size.width + x) * 3));
      }
}

}  // namespace
}  // namespace lensbench::vision
