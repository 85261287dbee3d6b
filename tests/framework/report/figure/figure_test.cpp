#include "report/figure/figure.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <lensbench/error.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/text/utf8.hpp"
#include "report/figure/palette.hpp"
#include "sample_figures.hpp"
#include "svg_reader.hpp"

namespace lensbench::figure {
namespace {

using lensbench::testing::attention_dataset;
using lensbench::testing::cell_value;
using lensbench::testing::cells;
using lensbench::testing::Element;
using lensbench::testing::elements;
using lensbench::testing::figure_of;
using lensbench::testing::grid_dataset;
using lensbench::testing::letter;
using lensbench::testing::refusal;
using lensbench::testing::summary_dataset;
using lensbench::testing::texts;
using lensbench::testing::with_tensor;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

// The place of a cell follows from the grid that the rectangles form, its colour from the palette:
// both are computed here from the known values.
TEST(FigureHeatmap, TheCellOfLayerAndTokenHasTheColourOfItsValue) {
  const std::int64_t layers = 4, tokens = 3;
  const Figure figure = figure_of(grid_dataset(layers, tokens), "value");
  const auto rects = cells(figure.svg);
  ASSERT_EQ(rects.size(), 12u);
  std::set<double> xs, ys;
  for (const Element& rect : rects) xs.insert(rect.number("x")), ys.insert(rect.number("y"));
  ASSERT_EQ(xs.size(), 3u);
  ASSERT_EQ(ys.size(), 4u);
  const double largest = cell_value(layers - 1, tokens - 1, tokens);
  for (const Element& rect : rects) {
    const auto token = std::distance(xs.begin(), xs.find(rect.number("x")));
    // Layers go up, and the y of SVG goes down.
    const auto layer = layers - 1 - std::distance(ys.begin(), ys.find(rect.number("y")));
    EXPECT_EQ(rect.attributes.at("fill"),
              hex(palette_colour("viridis", cell_value(layer, token, tokens) / largest)))
        << layer << " " << token;
  }
}

TEST(FigureHeatmap, ValuesOnBothSidesOfZeroHaveZeroInTheMiddle) {
  const Figure figure = figure_of(grid_dataset(3, 3), "signed_value");
  const auto rects = cells(figure.svg);
  ASSERT_EQ(rects.size(), 9u);
  // From -0.4 to 0.4 in steps of 0.1; the upper left cell is that of the last layer.
  EXPECT_EQ(rects[4].attributes.at("fill"), "#f7f7f7");
  EXPECT_EQ(rects[2].attributes.at("fill"), hex(palette_colour("purple-orange", 1)));
  EXPECT_EQ(rects[6].attributes.at("fill"), hex(palette_colour("purple-orange", 0)));
}

TEST(FigureHeatmap, CellsMeetWithoutGaps) {
  const auto rects = cells(figure_of(grid_dataset(2, 5), "value").svg);
  for (std::size_t i = 0; i + 1 < rects.size(); ++i) {
    if (rects[i].attributes.at("y") != rects[i + 1].attributes.at("y")) continue;
    EXPECT_GE(rects[i].number("x") + rects[i].number("width"), rects[i + 1].number("x"));
  }
}

TEST(FigureHeatmap, LayersAndTokensAreThoseOfTheRequest) {
  const Figure figure = figure_of(
      grid_dataset(6, 8), {.variable = "value", .layers = Span{2, 4}, .tokens = {Span{5, 6}}});
  EXPECT_EQ(cells(figure.svg).size(), 6u);
  EXPECT_THAT(texts(figure.svg), IsSupersetOf({"2", "3", "4", "·f", "·g"}));
  EXPECT_THAT(texts(figure.svg), Not(Contains("·e")));
}

TEST(FigureHeatmap, TokensOfSeveralSpansAreSideBySide) {
  const Figure figure =
      figure_of(grid_dataset(3, 8), {.variable = "value",
                                     .tokens = {Span{0, 0}, Span{2, 3}, Span{6, 90}},
                                     .cells = CellContent::none});
  EXPECT_EQ(cells(figure.svg).size(), 3u * 5u);
  EXPECT_THAT(texts(figure.svg), IsSupersetOf({"·a", "·c", "·d", "·g", "·h"}));
  for (const char* left_out : {"·b", "·e", "·f"})
    EXPECT_THAT(texts(figure.svg), Not(Contains(left_out)));
  EXPECT_THAT(figure.notes, Contains(HasSubstr("--tokens 6:90: the variable has token 0 to 7")));
}

TEST(FigureHeatmap, ASpanLongerThanTheAxisIsSaid) {
  const Figure figure =
      figure_of(grid_dataset(3, 8), {.variable = "value", .tokens = {Span{5, 100}}});
  EXPECT_THAT(figure.notes, Contains(HasSubstr("--tokens 5:100: the variable has token 0 to 7")));
  EXPECT_THAT(
      figure_of(grid_dataset(3, 8), {.variable = "value", .tokens = {Span{5, kNoEnd}}}).notes,
      Not(Contains(HasSubstr("--tokens"))));
}

TEST(FigureHeatmap, CellsShowTheFirstChoiceNumbersOrNothing) {
  const Dataset data = grid_dataset(3, 4);
  const auto count = [&](CellContent content) {
    return texts(figure_of(data, {.variable = "value", .cells = content}).svg).size();
  };
  const auto without = count(CellContent::none);
  EXPECT_EQ(count(CellContent::text), without + 12);
  EXPECT_EQ(count(CellContent::number), without + 12);
  EXPECT_EQ(count(CellContent::automatic), without + 12);
  // The first choice at layer 2 and token 3 is token 5.
  EXPECT_THAT(texts(figure_of(data, "value").svg), Contains("·f"));
}

TEST(FigureHeatmap, AMissingValueIsMarkedAndExplained) {
  Dataset data = grid_dataset(2, 2);
  EXPECT_THAT(texts(figure_of(data, "value").svg), Not(Contains("no value")));
  const at::Tensor values = data["value"].tensor.clone();
  values.data_ptr<double>()[1] = std::nan("");
  const Figure figure = figure_of(with_tensor(data, "value", values), "value");
  EXPECT_THAT(texts(figure.svg), Contains("no value"));
  // Token 1 of layer 0 is the last rectangle.
  EXPECT_EQ(cells(figure.svg).back().attributes.at("fill"), hex(kNoValue));
}

TEST(FigureHeatmap, AMapOfManyCellsIsAnImage) {
  const Figure small = figure_of(grid_dataset(100, 200), "value");
  EXPECT_TRUE(elements(small.svg, "image").empty());
  const Figure large = figure_of(grid_dataset(100, 201), "value");
  EXPECT_EQ(elements(large.svg, "image").size(), 1u);
  EXPECT_TRUE(large.notes.empty());
  const Figure pooled = figure_of(grid_dataset(5, 5000), "value");
  ASSERT_EQ(pooled.notes.size(), 1u);
  EXPECT_THAT(pooled.notes[0], HasSubstr("largest value of 2 neighbouring columns"));
}

TEST(FigureHeatmap, AnImageHasAtMostThePixelsOfTheRequest) {
  const Figure figure = figure_of(grid_dataset(100, 201), {.variable = "value", .most_pixels = 50});
  ASSERT_EQ(elements(figure.svg, "image").size(), 1u);
  // 201 columns of which five share a pixel, 100 rows of which two share one.
  EXPECT_THAT(figure.notes, ElementsAre(HasSubstr("largest value of 5 neighbouring columns"),
                                        HasSubstr("largest value of 2 neighbouring rows")));
}

TEST(FigureHeatmap, TextsAreFoundForMapsOfAtMostThirtyTokensAlone) {
  const auto asked = [](std::int64_t tokens, CellContent content) {
    int times = 0;
    draw(grid_dataset(2, tokens), {.variable = "value", .width_mm = 500, .cells = content},
         [&times](std::int64_t id) {
           ++times;
           return letter(id);
         });
    return times;
  };
  EXPECT_EQ(asked(30, CellContent::automatic), 60);
  EXPECT_EQ(asked(31, CellContent::automatic), 0);
  EXPECT_EQ(asked(31, CellContent::text), 62);
  EXPECT_EQ(asked(30, CellContent::number), 0);
}

TEST(FigureHeatmap, TheLineOfTheFinalAnswerNeedsNoTexts) {
  const auto has_line = [](CellContent content) {
    const auto shown =
        texts(figure_of(grid_dataset(3, 40), {.variable = "value", .cells = content}).svg);
    return std::count(shown.begin(), shown.end(), "above: the first choice is the final one") == 1;
  };
  EXPECT_TRUE(has_line(CellContent::automatic));
  EXPECT_TRUE(has_line(CellContent::number));
  EXPECT_TRUE(has_line(CellContent::none));
}

TEST(FigureHeatmap, TheDifferenceOfTwoArchivesIsAroundZero) {
  const Dataset a = grid_dataset(2, 2);
  const Dataset b =
      with_tensor(a, "value", at::tensor({0., 0.2, 0.2, 0.3}, at::kDouble).reshape({2, 2}));
  const Figure figure = figure_of(a, {.variable = "value", .against = &b, .against_name = "b.h5"});
  const auto rects = cells(figure.svg);
  // 0.1 - 0.2 at layer 0, token 1; all others are equal.
  EXPECT_EQ(rects.back().attributes.at("fill"), hex(palette_colour("purple-orange", 0)));
  EXPECT_EQ(rects.front().attributes.at("fill"), "#f7f7f7");
  const Dataset other = grid_dataset(2, 3);
  EXPECT_THAT(refusal(a, {.variable = "value", .against = &other, .against_name = "c.h5"}),
              HasSubstr("the length of 'token' is 3 (here 2)"));
}

TEST(FigureHeatmap, OneCellIsDrawn) {
  const auto rects = cells(figure_of(grid_dataset(1, 1), "value").svg);
  ASSERT_EQ(rects.size(), 1u);
  EXPECT_EQ(rects[0].attributes.at("fill"), hex(palette_colour("viridis", 0.5)));
}

TEST(FigureAttention, HasAMapForEachHeadWithoutLaterKeys) {
  const Figure figure = figure_of(attention_dataset(), "pattern");
  // Three queries see one, two and three keys.
  EXPECT_EQ(cells(figure.svg, 0).size(), 6u);
  EXPECT_EQ(cells(figure.svg, 1).size(), 6u);
  EXPECT_THAT(texts(figure.svg), IsSupersetOf({"head 0", "head 1", "query position"}));
  EXPECT_EQ(cells(figure.svg, 1)[2].attributes.at("fill"), hex(palette_colour("viridis", 0.875)));
}

TEST(FigureBars, StartAtZeroWithLengthsInProportion) {
  Dataset data = summary_dataset();
  const Figure figure = figure_of(data, {.variable = "effect_mean", .kind = Kind::bars});
  std::vector<Element> bars;
  for (const Element& rect : elements(figure.svg, "rect"))
    if (rect.attributes.at("fill") != "#ffffff") bars.push_back(rect);
  ASSERT_EQ(bars.size(), 3u);
  EXPECT_NEAR(bars[2].number("width") / bars[0].number("width"), 2, 1e-3);
  EXPECT_NEAR(bars[0].number("x") + bars[0].number("width"), bars[2].number("x"), 0.02);
  EXPECT_NE(bars[0].attributes.at("fill"), bars[2].attributes.at("fill"));
  EXPECT_THAT(texts(figure.svg), IsSupersetOf({"\u22121", "0.5", "2", "embed", "0_mlp_out"}));
}

TEST(FigureBars, AMissingValueIsSaid) {
  EXPECT_THAT(texts(figure_of(summary_dataset(), "share").svg), Contains("no value"));
}

TEST(FigureLine, PlacesAreThoseOfTheValues) {
  const Figure figure = figure_of(summary_dataset(), {.variable = "speed", .log = true});
  const auto dots = elements(figure.svg, "circle");
  ASSERT_EQ(dots.size(), 3u);
  // 1, 10 and 100 at equal distances.
  EXPECT_NEAR(dots[0].number("cy") - dots[1].number("cy"),
              dots[1].number("cy") - dots[2].number("cy"), 0.03);
  EXPECT_GT(dots[0].number("cy"), dots[2].number("cy"));
  EXPECT_NEAR(dots[1].number("cx") - dots[0].number("cx"),
              dots[2].number("cx") - dots[1].number("cx"), 0.03);
}

TEST(FigureLines, AreAtMostEightAndSaySo) {
  const Figure figure = figure_of(grid_dataset(3, 12), {.variable = "value", .kind = Kind::lines});
  ASSERT_EQ(figure.notes.size(), 1u);
  EXPECT_THAT(figure.notes[0], HasSubstr("the last 8 of 12"));
  EXPECT_EQ(elements(figure.svg, "circle").size(), 24u);
  EXPECT_THAT(figure.svg, HasSubstr("note: the last 8 of 12"));
}

TEST(FigurePoints, WhiskersEndAtTheInterval) {
  const Figure figure = figure_of(summary_dataset(), "effect_mean");
  const auto dots = elements(figure.svg, "circle");
  ASSERT_EQ(dots.size(), 3u);
  // Scale from the dots at -1 and 2; the interval of the first one is -1.5 to -0.5.
  const double unit = (dots[2].number("cx") - dots[0].number("cx")) / 3;
  const auto paths = elements(figure.svg, "path");
  const std::string whiskers = paths.back().attributes.at("d");
  double x1 = 0, x2 = 0;
  ASSERT_EQ(std::sscanf(whiskers.c_str(), "M%lf %*fL%lf", &x1, &x2), 2) << whiskers;
  EXPECT_NEAR(x1, dots[0].number("cx") - unit / 2, 0.03);
  EXPECT_NEAR(x2, dots[0].number("cx") + unit / 2, 0.03);
}

TEST(FigurePoints, OverLayersAreUpright) {
  const auto dots = elements(figure_of(summary_dataset(), "loss_mean").svg, "circle");
  ASSERT_EQ(dots.size(), 3u);
  EXPECT_NEAR(
      (dots[1].number("cy") - dots[0].number("cy")) / (dots[2].number("cy") - dots[1].number("cy")),
      2, 1e-2);
}

TEST(FigureTokens, EachTokenHasTheColourOfItsValue) {
  Dataset data = grid_dataset(2, 4);
  data.add("surprisal", {"token"}, at::tensor({std::nan(""), 0., 1., 4.}, at::kDouble), "nats",
           "s");
  const Figure figure = figure_of(data, "surprisal");
  const auto rects = elements(figure.svg.substr(0, figure.svg.find("<g ")), "rect");
  // The background and three tokens; the first one has no value.
  ASSERT_EQ(rects.size(), 4u);
  EXPECT_EQ(rects[2].attributes.at("fill"), hex(palette_colour("viridis", 0.25)));
  EXPECT_EQ(rects[3].attributes.at("fill"), hex(palette_colour("viridis", 1)));
  EXPECT_THAT(texts(figure.svg), IsSupersetOf({"·a", "·b", "·c", "·d"}));
}

TEST(FigureTokens, ATextFromRightToLeftBeginsOnTheRight) {
  Dataset data;
  add_token_axis(data, {0, 1, 2}, {"שלום", " עולם", "."});
  data.add("surprisal", {"token"}, at::tensor({1., 2., 3.}, at::kDouble), "nats", "s");
  const auto shown = elements(figure_of(data, "surprisal").svg, "text");
  std::vector<double> x;
  for (const Element& text : shown)
    for (const std::string token : {"שלום", "·עולם", "."})
      if (text.text == token) x.push_back(text.number("x"));
  ASSERT_EQ(x.size(), 3u);
  EXPECT_GT(x[0], x[1]);
  EXPECT_GT(x[1], x[2]);
}

TEST(FigureKind, FollowsTheViewThenTheDimensions) {
  const Dataset summary = summary_dataset(), grid = grid_dataset(2, 2);
  EXPECT_EQ(default_kind(grid, grid["value"]), Kind::heatmap);
  EXPECT_EQ(default_kind(summary, summary["effect_mean"]), Kind::points);
  EXPECT_EQ(default_kind(summary, summary["share"]), Kind::bars);
  EXPECT_EQ(default_kind(summary, summary["speed"]), Kind::line);
  const Dataset attention = attention_dataset();
  EXPECT_EQ(default_kind(attention, attention["pattern"]), Kind::attention);
  Dataset declared = grid_dataset(2, 2);
  declared.set_attribute("value", "view", std::string("trajectory"));
  EXPECT_EQ(default_kind(declared, declared["value"]), Kind::line);
  declared.set_attribute("value", "view", std::string("a view of a later version"));
  EXPECT_EQ(default_kind(declared, declared["value"]), Kind::heatmap);
}

TEST(FigureKind, NamesAndKindsMatch) {
  ASSERT_EQ(kind_names().size(), 8u);
  for (const std::string& name : kind_names()) EXPECT_EQ(to_string(*kind_of(name)), name);
  EXPECT_FALSE(kind_of("pie"));
}

TEST(FigureText, FactsAreInTheDescription) {
  const Figure figure = figure_of(
      grid_dataset(2, 2),
      {.variable = "value", .dataset = "lens", .case_id = "p<1>", .facts = {{"command", "a & b"}}});
  EXPECT_THAT(figure.svg, AllOf(HasSubstr("variable: lens/value"), HasSubstr("case: p&lt;1&gt;"),
                                HasSubstr("command: a &amp; b")));
}

TEST(FigureText, EqualRequestsGiveEqualBytes) {
  const Dataset data = grid_dataset(3, 30);
  EXPECT_EQ(figure_of(data, "value").svg, figure_of(data, "value").svg);
}

// Tokens come from models of others.
TEST(FigureText, HostileTokensStayText) {
  Dataset data;
  add_token_axis(data, {0, 1}, {"</text><script>x()</script>", "\u202eevil"});
  add_layer_axis(data, 1);
  data.add("value", {"layer", "token"}, at::tensor({1., 2., 3., 4.}, at::kDouble).reshape({2, 2}),
           "\"><b", "<i>");
  for (const Kind kind : {Kind::heatmap, Kind::tokens, Kind::lines, Kind::bars}) {
    const std::string svg =
        figure_of(data, {.variable = "value", .dataset = "<u>", .kind = kind, .case_id = "<s>"})
            .svg;
    for (const char* element : {"<script", "<i>", "<b", "<s>", "<u>", "\u202e"})
      EXPECT_THAT(svg, Not(HasSubstr(element)));
    EXPECT_TRUE(is_valid_utf8(svg));
  }
}

}  // namespace
}  // namespace lensbench::figure
