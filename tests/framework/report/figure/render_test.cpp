#include "report/figure/scene/render.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "png_reader.hpp"
#include "sample_figures.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "svg_reader.hpp"

namespace lensbench::figure {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::read_png;
using lensbench::testing::ReadPng;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

Figure small_figure(std::vector<std::pair<std::string, std::string>> facts = {}) {
  return draw(lensbench::testing::grid_dataset(4, 3),
              {.variable = "value", .cells = CellContent::none, .facts = std::move(facts)},
              lensbench::testing::letter);
}

Figure made_by_hand(const std::string& content) {
  return {.svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"72pt\" height=\"36pt\">" +
                 content + "</svg>",
          .width_mm = 25.4,
          .height_mm = 12.7};
}

/// Version of the librsvg that draws here, such as `2.54`; empty without one.
std::string rsvg_version() {
  // A library of glib cannot be unloaded.
  void* library = dlopen("librsvg-2.so.2", RTLD_NOW | RTLD_NODELETE);
  if (library == nullptr) return "";
  const auto* major = static_cast<const unsigned*>(dlsym(library, "rsvg_major_version"));
  const auto* minor = static_cast<const unsigned*>(dlsym(library, "rsvg_minor_version"));
  if (major == nullptr || minor == nullptr) return "";
  return std::to_string(*major) + "." + std::to_string(*minor);
}

/// Mean red, green and blue of each block of 20 x 20 pixels, row by row.
std::vector<double> block_means(const ReadPng& png) {
  constexpr std::size_t kSide = 20;
  std::vector<double> means;
  for (std::size_t top = 0; top < png.height; top += kSide)
    for (std::size_t left = 0; left < png.width; left += kSide) {
      std::array<double, 3> sums{};
      const std::size_t bottom = std::min(top + kSide, png.height);
      const std::size_t right = std::min(left + kSide, png.width);
      for (std::size_t y = top; y < bottom; ++y)
        for (std::size_t x = left; x < right; ++x) {
          const Colour pixel = png.at(x, y);
          sums[0] += pixel.red, sums[1] += pixel.green, sums[2] += pixel.blue;
        }
      for (const double sum : sums)
        means.push_back(sum / static_cast<double>((bottom - top) * (right - left)));
    }
  return means;
}

// Nothing else draws the letters of a figure as librsvg does: the expected means are those of a
// picture that was looked at, made with Debian's DejaVu Sans. LENSBENCH_NEW_MEANS=FILE writes them.
TEST(FigureRender, APngOfAKnownLibraryLooksAsItDid) {
  Figure figure =
      draw(lensbench::testing::grid_dataset(4, 3),
           {.variable = "value", .cells = CellContent::number}, lensbench::testing::letter);
  const auto found = block_means(read_png(Renderer().render(figure, Format::png, 150)));
  if (const char* file = std::getenv("LENSBENCH_NEW_MEANS")) {
    std::ofstream out(file);
    for (std::size_t i = 0; i < found.size(); ++i)
      out << std::lround(found[i] * 10) << (i % 30 == 29 ? '\n' : ' ');
  }
  const std::string version = rsvg_version();
  const std::string file =
      lensbench::testing::source_folder() + "/tests/data/figures/map-librsvg-" + version + ".txt";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no picture of librsvg " << version;
  if (!std::filesystem::exists("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"))
    GTEST_SKIP() << "DejaVu Sans is not installed";
  std::ifstream in(file);
  std::vector<double> expected;
  for (double tenths = 0; in >> tenths;) expected.push_back(tenths / 10);
  ASSERT_EQ(found.size(), expected.size());
  // Half a percent of the range of a colour.
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 0.005 * 255) << "block " << i / 3;
}

TEST(FigureRender, APngHasTheColoursOfTheSvg) {
  Figure figure = small_figure();
  const ReadPng png = read_png(Renderer().render(figure, Format::png, 300));
  EXPECT_EQ(png.width, 1004u);  // 85 mm of 25.4 mm an inch
  const auto rects = lensbench::testing::cells(figure.svg);
  ASSERT_EQ(rects.size(), 12u);
  for (const auto& rect : rects) {
    const auto pixel = [&](const char* start, const char* length) {
      return static_cast<std::size_t>((rect.number(start) + rect.number(length) / 2) / 72 * 300);
    };
    EXPECT_EQ(hex(png.at(pixel("x", "width"), pixel("y", "height"))), rect.attributes.at("fill"));
  }
  EXPECT_EQ(png.at(0, 0), kPaper);
}

// The image of a large map is decoded by the library.
TEST(FigureRender, APngOfALargeMapHasItsColours) {
  Figure figure = draw(lensbench::testing::grid_dataset(101, 400),
                       {.variable = "value", .palette = "cividis"}, lensbench::testing::letter);
  const ReadPng png = read_png(Renderer().render(figure, Format::png, 300));
  const auto image = lensbench::testing::elements(figure.svg, "image").at(0);
  const auto pixel = [&](const char* start, const char* length, double share) {
    return static_cast<std::size_t>((image.number(start) + share * image.number(length)) / 72 *
                                    300);
  };
  // Values grow from layer to layer, and layers go up; renderers smooth edges, not middles.
  for (const double share : {0.1, 0.5, 0.9}) {
    const Colour expected = palette_colour("cividis", 1 - share);
    const Colour found = png.at(pixel("x", "width", 0.5), pixel("y", "height", share));
    EXPECT_NEAR(found.red, expected.red, 4) << share;
    EXPECT_NEAR(found.green, expected.green, 4) << share;
    EXPECT_NEAR(found.blue, expected.blue, 4) << share;
  }
}

TEST(FigureRender, APngHasItsResolutionAndFacts) {
  Figure figure = small_figure({{"command", "lensbench plot “a”"}});
  const ReadPng png = read_png(Renderer().render(figure, Format::png, 150));
  EXPECT_EQ(png.width, 502u);
  EXPECT_EQ(png.pixels_per_metre, 5906u);
  EXPECT_EQ(png.texts.at("Title"), "Value of the cell");
  EXPECT_EQ(png.texts.at("variable"), "value");
  EXPECT_EQ(png.texts.at("command"), "lensbench plot “a”");
  EXPECT_THAT(figure.notes, IsEmpty());
}

TEST(FigureRender, EqualFiguresAreEqualBytes) {
  const Renderer renderer;
  Figure figure = small_figure();
  for (const Format format : {Format::png, Format::pdf})
    EXPECT_EQ(renderer.render(figure, format, 300), Renderer().render(figure, format, 300));
  EXPECT_THAT(renderer.render(figure, Format::pdf, 300), StartsWith("%PDF-"));
}

TEST(FigureRender, CharactersThatNoFontHasAreNamed) {
  // U+0378 is not assigned to any character.
  Figure figure = made_by_hand("<text y=\"9\">a\u0378b</text>");
  const Renderer renderer;
  renderer.render(figure, Format::pdf, 300);
  ASSERT_EQ(figure.notes.size(), 1u);
  EXPECT_THAT(figure.notes[0], HasSubstr(": \u0378; install a font"));
}

TEST(FigureRender, TooManyPixelsAreRefused) {
  Figure figure = small_figure();
  figure.height_mm = 1000;
  const Renderer renderer;
  EXPECT_THAT(message_of<UsageError>([&] { renderer.render(figure, Format::png, 2400); }),
              HasSubstr("--dpi: an image of 8031 x 94488 pixels"));
  EXPECT_THAT(renderer.render(figure, Format::pdf, 2400), StartsWith("%PDF-"));
}

TEST(FigureRender, WhatIsNotAnSvgIsAnError) {
  Figure figure = made_by_hand("<text>");
  const Renderer renderer;
  EXPECT_THAT(message_of<RunError>([&] { renderer.render(figure, Format::png, 300); }),
              HasSubstr("librsvg could not draw it"));
}

}  // namespace
}  // namespace lensbench::figure
