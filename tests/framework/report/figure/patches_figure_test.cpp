#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <utility>

#include "report/figure/figure.hpp"
#include "report/figure/palette.hpp"
#include "sample_figures.hpp"
#include "support/error_matchers.hpp"
#include "svg_reader.hpp"

// Places and colours are computed from the known rectangles and values.

namespace lensbench::figure {
namespace {

using lensbench::testing::cells;
using lensbench::testing::Element;
using lensbench::testing::message_of;
using lensbench::testing::texts;
using ::testing::Contains;
using ::testing::HasSubstr;

/// A picture of 30 x 20 pixels in 3 x 2 tokens, at two layers: token t of layer l has the value
/// 6 l + t. \param sized  whether the rectangles are known
Dataset map_dataset(bool sized) {
  Dataset data;
  const auto label = [&](const char* name, const std::vector<double>& values) {
    data.add({.name = name,
              .dims = {"image_token"},
              .tensor = at::tensor(values, at::kDouble),
              .long_name = name,
              .coordinate = true});
  };
  data.add_coordinate("image_token", at::arange(6, at::kInt));
  data.add_coordinate("layer", at::tensor({0, 7}, at::kInt));
  label("image", {0, 0, 0, 0, 0, 0});
  label("row", {0, 0, 0, 1, 1, 1});
  label("column", {0, 1, 2, 0, 1, 2});
  if (sized) {
    label("x0", {0, 10, 20, 0, 10, 20});
    label("y0", {0, 0, 0, 10, 10, 10});
    label("x1", {10, 20, 30, 10, 20, 30});
    label("y1", {10, 10, 10, 20, 20, 20});
  }
  Variable value;
  value.name = "value";
  value.dims = {"layer", "image_token"};
  value.tensor = at::arange(12, at::kDouble).view({2, 6});
  value.units = "nats";
  value.long_name = "value of the token";
  value.attributes["view"] = std::string("image");
  data.add(value);
  return data;
}

Figure patches_of(const Dataset& data, const Request& request) {
  return draw(data, request, lensbench::testing::letter);
}

TEST(FigurePatches, EachTokenHasItsRectangleAndTheColourOfItsValue) {
  const Figure figure = patches_of(map_dataset(true), {.variable = "value"});
  for (std::size_t layer = 0; layer < 2; ++layer) {
    const auto rects = cells(figure.svg, layer);
    ASSERT_EQ(rects.size(), 6u);
    const double factor = rects[0].number("width") / 10;
    for (std::size_t token = 0; token < 6; ++token) {
      const Element& rect = rects[token];
      const auto column = static_cast<double>(token % 3), row = static_cast<double>(token / 3);
      EXPECT_NEAR(rect.number("x") - rects[0].number("x"), factor * 10 * column, 0.02);
      EXPECT_NEAR(rect.number("y") - rects[0].number("y"), factor * 10 * row, 0.02);
      // One scale for both layers, from 0 to 11.
      const double share = static_cast<double>(6 * layer + token) / 11;
      EXPECT_EQ(rect.attributes.at("fill"), hex(palette_colour("viridis", share)));
    }
  }
  EXPECT_THAT(texts(figure.svg), Contains("layer 7"));
}

TEST(FigurePatches, AChosenLayerIsDrawnAlone) {
  const Figure figure = patches_of(map_dataset(true), {.variable = "value", .layers = Span{7, 7}});
  EXPECT_EQ(cells(figure.svg, 0).size(), 6u);
  EXPECT_EQ(cells(figure.svg, 0)[0].attributes.at("fill"), hex(palette_colour("viridis", 0)));
}

// As the page asks for what it shows: one layer of one concept.
TEST(FigurePatches, ALayerAndAConceptAreChosenByTheirLabels) {
  Dataset data = map_dataset(true);
  data.add({.name = "concept", .dims = {"concept"}, .strings = {"cat", "dog"}, .coordinate = true});
  Variable value;
  value.name = "log_probability";
  value.dims = {"layer", "image_token", "concept"};
  value.tensor = at::arange(24, at::kDouble).view({2, 6, 2});
  value.attributes["view"] = std::string("image");
  data.add(value);
  const Figure figure =
      patches_of(data, {.variable = "log_probability", .at = {{"layer", "7"}, {"concept", "dog"}}});
  const auto rects = cells(figure.svg, 0);
  ASSERT_EQ(rects.size(), 6u);
  // Values 13, 15, ..., 23.
  for (std::size_t token = 0; token < 6; ++token)
    EXPECT_EQ(rects[token].attributes.at("fill"),
              hex(palette_colour("viridis", static_cast<double>(token) / 5)));
}

// "JPEG" stands for the bytes of a picture, which are SlBFRw== in base64.
TEST(FigurePatches, ThePhotoIsDrawnAloneAndBelowTheValuesOfEachLayer) {
  Request request{.variable = "value"};
  request.photos = {{"JPEG", 30, 20}};
  const Figure figure = patches_of(map_dataset(true), request);
  const auto images = lensbench::testing::elements(figure.svg, "image");
  ASSERT_EQ(images.size(), 3u);
  for (const Element& image : images) {
    EXPECT_EQ(image.attributes.at("href"), "data:image/jpeg;base64,SlBFRw==");
    EXPECT_NEAR(image.number("width") / image.number("height"), 1.5, 0.01);
  }
  EXPECT_THAT(texts(figure.svg), Contains("picture"));
  // The rectangles of a layer, which are at the same place as its photo, let it through.
  const std::string group = "<g shape-rendering=\"crispEdges\" opacity=\"0.6\">";
  const std::size_t begin = figure.svg.find(group);
  ASSERT_NE(begin, std::string::npos);
  const auto rects = lensbench::testing::elements(
      figure.svg.substr(begin, figure.svg.find("</g>", begin) - begin), "rect");
  ASSERT_EQ(rects.size(), 6u);
  EXPECT_NEAR(rects[0].number("x"), images[1].number("x"), 0.02);
  EXPECT_NEAR(rects[0].number("y"), images[1].number("y"), 0.02);
  EXPECT_NEAR(3 * rects[0].number("width"), images[1].number("width"), 0.05);
  EXPECT_THAT(figure.notes, Contains(HasSubstr("mixed with it")));
}

TEST(FigurePatches, APhotoNeedsRectanglesInPixelsAndAMapOverThem) {
  Request request{.variable = "value"};
  request.photos = {{"JPEG", 30, 20}};
  const Figure figure = patches_of(map_dataset(false), request);
  EXPECT_TRUE(lensbench::testing::elements(figure.svg, "image").empty());
  EXPECT_THAT(figure.notes, Contains(HasSubstr("the picture is left out")));
  request.kind = Kind::lines;
  EXPECT_THAT(message_of<UsageError>([&] { patches_of(map_dataset(true), request); }),
              HasSubstr("--picture"));
}

TEST(FigurePatches, WithoutTheSizeOfThePictureTokensAreSquares) {
  const Figure figure = patches_of(map_dataset(false), {.variable = "value"});
  const auto rects = cells(figure.svg, 0);
  ASSERT_EQ(rects.size(), 6u);
  EXPECT_NEAR(rects[0].number("width"), rects[0].number("height"), 0.02);
  EXPECT_THAT(figure.notes, Contains(HasSubstr("does not have the size of the picture")));
}

TEST(FigurePatches, TokensWithoutPlacesAreRefused) {
  Dataset data = map_dataset(false), without;
  for (const Variable& variable : data.variables())
    if (variable.name != "row") without.add(variable);
  EXPECT_THAT(message_of<UsageError>([&] { patches_of(without, {.variable = "value"}); }),
              HasSubstr("does not have rectangles of a picture"));
}

}  // namespace
}  // namespace lensbench::figure
