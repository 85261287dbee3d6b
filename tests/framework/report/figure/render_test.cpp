#include "report/figure/render.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <string>

#include "png_reader.hpp"
#include "sample_figures.hpp"
#include "support/error_matchers.hpp"
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
