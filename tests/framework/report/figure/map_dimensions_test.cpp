// Which two dimensions of a variable a map has, and which indices of the others.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "report/figure/figure.hpp"
#include "report/figure/palette.hpp"
#include "sample_figures.hpp"
#include "svg_reader.hpp"

namespace lensbench::figure {
namespace {

using lensbench::testing::cells;
using lensbench::testing::exchange_dataset;
using lensbench::testing::figure_of;
using lensbench::testing::grid_dataset;
using lensbench::testing::letter;
using lensbench::testing::refusal;
using lensbench::testing::texts;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

TEST(FigureMapDimensions, AMapOfAnotherRankHasItsTokens) {
  Dataset data;
  add_token_axis(data, {0, 1}, {letter(0), letter(1)});
  add_layer_axis(data, 1);
  data.add_coordinate("rank", at::tensor({1, 2}, at::kInt));
  const std::vector<std::string> dims{"layer", "token", "rank"};
  data.add("top_probability", dims, at::arange(8, at::kDouble).div(8).reshape({2, 2, 2}), "1",
           "probability of each candidate");
  data.add("top_id", dims, at::arange(10, 18, at::kLong).reshape({2, 2, 2}), "1", "candidates",
           Holds::token_ids);
  data.add("settled_layer", {"token"}, at::tensor({1, 1}, at::kInt), "1", "first final layer");
  // Ids 10, 12, 14 and 16 are first, and 11, 13, 15 and 17 second.
  const auto second = texts(figure_of(data, {.variable = "top_probability",
                                             .at = {{"rank", "2"}},
                                             .width_mm = 170,
                                             .cells = CellContent::text})
                                .svg);
  EXPECT_THAT(second, IsSupersetOf({"·l", "·n", "·p", "·r"}));
  for (const char* first : {"·k", "·m", "·o", "·q"}) EXPECT_THAT(second, Not(Contains(first)));
}

// The ids in the dataset do not belong to the cells of the map.
TEST(FigureMapDimensions, AMapOfTokensAndRanksHasNoTexts) {
  Dataset data;
  add_token_axis(data, {0, 1, 2}, {" a", " b", " c"});
  data.add_coordinate("rank", at::tensor({1, 2}, at::kInt));
  const std::vector<std::string> dims{"token", "rank"};
  data.add("top_id", dims, at::tensor({0, 1, 2, 3, 4, 5}, at::kLong).reshape({3, 2}), "1", "ids",
           Holds::token_ids);
  data.add("top_probability", dims,
           at::tensor({.1, .2, .3, .4, .5, .6}, at::kDouble).reshape({3, 2}), "1", "p");
  const Figure figure = figure_of(data, "top_probability");
  EXPECT_EQ(cells(figure.svg).size(), 6u);
  EXPECT_THAT(texts(figure.svg), Not(Contains("·d")));
}

/// Colours of the map of `exchange_dataset` at one basis and position: layer 1 is the upper row.
void expect_exchange_map(const Figure& figure) {
  const auto rects = cells(figure.svg);
  ASSERT_EQ(rects.size(), 8u);
  for (std::size_t i = 0; i < rects.size(); ++i) {
    const std::size_t value = i < 4 ? 4 + i : i - 4;
    EXPECT_EQ(rects[i].attributes.at("fill"),
              hex(palette_colour("viridis", static_cast<double>(value) / 7)))
        << i;
  }
  EXPECT_THAT(texts(figure.svg), IsSupersetOf({"layer", "run", "placebo"}));
}

// The terminal and the page draw them, too.
TEST(FigureMapDimensions, AMapOfFourDimensionsHasTheFirstTwo) {
  const Figure figure = figure_of(exchange_dataset(), "side_by_side");
  expect_exchange_map(figure);
  EXPECT_THAT(texts(figure.svg), Contains("basis das, position \u22122"));
}

TEST(FigureMapDimensions, ALabelOfANegativeNumberIsTypedWithAHyphen) {
  const Dataset data = exchange_dataset();
  for (const char* label : {"-1", "\u22121", "-1.0"}) {
    const Figure figure =
        figure_of(data, {.variable = "side_by_side", .at = {{"position", label}}});
    expect_exchange_map(figure);
    EXPECT_THAT(texts(figure.svg), Contains("position \u22121, basis das")) << label;
  }
  for (const char* label : {"-3", "-1x", "", "nan"})
    EXPECT_THAT(refusal(data, {.variable = "side_by_side", .at = {{"position", label}}}),
                HasSubstr("does not have the label"))
        << label;
}

TEST(FigureMapDimensions, AShortAxisOfTextsBeforeThreeOthersHasAMapForEachIndex) {
  Dataset data = exchange_dataset();
  const at::Tensor values = data["side_by_side"].tensor.transpose(0, 1).contiguous();
  data.add("by_run", {"run", "layer", "basis", "position"}, values, "1", "accuracy");
  const Figure figure = figure_of(data, "by_run");
  // Two layers by two bases in each of four maps.
  for (std::size_t map = 0; map < 4; ++map) EXPECT_EQ(cells(figure.svg, map).size(), 4u);
  EXPECT_THAT(texts(figure.svg), IsSupersetOf({"exchange", "shuffled", "position \u22122"}));
}

// Heads at one token are compared, not tokens at one head.
TEST(FigureMapDimensions, AMapOfLayersHeadsAndTokensIsThatOfTheLastToken) {
  Dataset data = grid_dataset(2, 3);
  data.add_coordinate("head", at::tensor({0, 1}, at::kInt));
  data.add(
      "by_head", {"layer", "head", "token"},
      at::tensor({0., 0., 0., 0., 0., 1., 0., 0., 2., 0., 0., 3.}, at::kDouble).reshape({2, 2, 3}),
      "1", "share");
  const auto rects = cells(figure_of(data, "by_head").svg);
  ASSERT_EQ(rects.size(), 4u);
  EXPECT_EQ(rects[0].attributes.at("fill"), hex(palette_colour("viridis", 2. / 3)));
  EXPECT_EQ(rects[3].attributes.at("fill"), hex(palette_colour("viridis", 1. / 3)));
}

}  // namespace
}  // namespace lensbench::figure
