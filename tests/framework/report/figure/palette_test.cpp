#include "report/figure/palette.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <string>

#include "report/figure/figure.hpp"

namespace lensbench::figure {
namespace {

using ::testing::HasSubstr;

std::string at(const char* palette, double share) {
  return hex(palette_colour(palette, share));
}

// The five colours that matplotlib and d3 publish as a short form of viridis.
TEST(FigurePalette, ViridisHasItsPublishedColours) {
  EXPECT_EQ(at("viridis", 0), "#440154");
  EXPECT_EQ(at("viridis", 0.25), "#3b528b");
  EXPECT_EQ(at("viridis", 0.5), "#21918c");
  EXPECT_EQ(at("viridis", 0.75), "#5ec962");
  EXPECT_EQ(at("viridis", 1), "#fde725");
}

// The ends and the middle of the table in the supplement of Nuñez, Anderton and Renslow (2018).
TEST(FigurePalette, CividisHasItsPublishedColours) {
  EXPECT_EQ(at("cividis", 0), "#00224e");
  EXPECT_EQ(at("cividis", 0.5), "#7d7c78");
  EXPECT_EQ(at("cividis", 1), "#fee838");
}

// The eleven classes of PuOr on colorbrewer2.org, as decimals there.
TEST(FigurePalette, PurpleOrangeHasTheElevenClassesOfColorBrewer) {
  const Colour classes[] = {{127, 59, 8},    {179, 88, 6},    {224, 130, 20},  {253, 184, 99},
                            {254, 224, 182}, {247, 247, 247}, {216, 218, 235}, {178, 171, 210},
                            {128, 115, 172}, {84, 39, 136},   {45, 0, 75}};
  for (int i = 0; i < 11; ++i)
    EXPECT_EQ(palette_colour("purple-orange", i / 10.0), classes[i]) << i;
  // Half way between 247, 247, 247 and 216, 218, 235; halves are rounded up.
  EXPECT_EQ(palette_colour("purple-orange", 0.55), (Colour{232, 233, 241}));
}

TEST(FigurePalette, AReversedPaletteBeginsAtTheOtherEnd) {
  for (const double share : {0.0, 0.3, 0.9})
    EXPECT_EQ(at("viridis-reversed", share), at("viridis", 1 - share));
  EXPECT_TRUE(is_diverging("purple-orange-reversed"));
  EXPECT_FALSE(is_diverging("cividis"));
}

TEST(FigurePalette, SharesOutsideAreTheEnds) {
  EXPECT_EQ(at("viridis", -3), at("viridis", 0));
  EXPECT_EQ(at("viridis", 3), at("viridis", 1));
}

TEST(FigurePalette, AnUnknownNameIsRefusedWithTheNearest) {
  try {
    palette_colour("virdis", 0);
    FAIL() << "it was accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("viridis"));
  }
}

// WCAG 2: black on white has 21; #767676 is the lightest grey with 4.5 on white (4.54).
TEST(FigurePalette, ContrastIsThatOfWcag) {
  EXPECT_NEAR(contrast({0, 0, 0}, {255, 255, 255}), 21, 1e-9);
  EXPECT_NEAR(contrast({0x76, 0x76, 0x76}, {255, 255, 255}), 4.54, 0.005);
  EXPECT_DOUBLE_EQ(contrast({9, 9, 9}, {9, 9, 9}), 1);
}

TEST(FigurePalette, InkCanBeReadOnEveryColour) {
  for (const std::string& palette : palette_names())
    for (int i = 0; i <= 1000; ++i) {
      const Colour background = palette_colour(palette, i / 1000.0);
      EXPECT_GE(contrast(ink_on(background), background), 4.5) << palette << " " << i;
    }
}

}  // namespace
}  // namespace lensbench::figure
