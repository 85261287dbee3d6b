// What the options of `lensbench plot` change in a figure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "report/figure/figure.hpp"
#include "report/figure/palette.hpp"
#include "sample_figures.hpp"
#include "svg_reader.hpp"

namespace lensbench::figure {
namespace {

using lensbench::testing::cells;
using lensbench::testing::figure_of;
using lensbench::testing::grid_dataset;
using lensbench::testing::texts;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(FigureOptions, ValuesBeyondTheRangeHaveTheColoursOfItsEnds) {
  // The values are 0, 0.1, 0.2 and 0.3.
  const auto rects = cells(
      figure_of(grid_dataset(1, 4), {.variable = "value", .range = std::pair(0.05, 0.15)}).svg);
  ASSERT_EQ(rects.size(), 4u);
  const std::string low = hex(palette_colour("viridis", 0)),
                    high = hex(palette_colour("viridis", 1));
  EXPECT_EQ(rects[0].attributes.at("fill"), low);
  EXPECT_NE(rects[1].attributes.at("fill"), low);
  EXPECT_NE(rects[1].attributes.at("fill"), high);
  EXPECT_EQ(rects[2].attributes.at("fill"), high);
  EXPECT_EQ(rects[3].attributes.at("fill"), high);
}

TEST(FigureOptions, TheTitleCanBeLeftOut) {
  const Figure with = figure_of(grid_dataset(2, 3), {.variable = "value", .width_mm = 170});
  const Figure without =
      figure_of(grid_dataset(2, 3), {.variable = "value", .width_mm = 170, .title = false});
  EXPECT_THAT(texts(with.svg), Contains(with.title));
  EXPECT_THAT(texts(without.svg), Not(Contains(with.title)));
  EXPECT_LT(without.height_mm, with.height_mm);
}

TEST(FigureOptions, TheFontIsTheFirstOfTheFamilies) {
  EXPECT_THAT(figure_of(grid_dataset(1, 2), {.variable = "value", .font = "Noto Sans"}).svg,
              HasSubstr("font-family=\"Noto Sans, "));
  EXPECT_THAT(figure_of(grid_dataset(1, 2), "value").svg, Not(HasSubstr("Noto Sans")));
}

TEST(FigureOptions, ThePaletteColoursTheCells) {
  const auto rects = cells(
      figure_of(grid_dataset(1, 2), {.variable = "value", .palette = "viridis-reversed"}).svg);
  ASSERT_EQ(rects.size(), 2u);
  // The published ends of viridis, the other way round.
  EXPECT_EQ(rects[0].attributes.at("fill"), "#fde725");
  EXPECT_EQ(rects[1].attributes.at("fill"), "#440154");
}

}  // namespace
}  // namespace lensbench::figure
