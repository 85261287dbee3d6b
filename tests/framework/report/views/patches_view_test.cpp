#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/report/views/sample_datasets.hpp"
#include "report/terminal/paint.hpp"
#include "report/terminal/text.hpp"
#include "report/views/render.hpp"

// Maps over the tokens of pictures. Characters and colours are worked out from the values by hand.

namespace lensbench {
namespace {

using namespace testing;  // the sample datasets
using ::testing::HasSubstr;
using ::testing::Not;

TEST(HalfBlocks, TheUpperSquareIsTheInkAndTheLowerTheBackground) {
  // The ends of the scale are the colours (34, 36, 62) and (248, 224, 72).
  EXPECT_EQ(terminal::half_blocks(0, 1, {.colour = true, .true_colour = true}),
            "\x1b[38;2;34;36;62;48;2;248;224;72m▀\x1b[0m");
  // In the cube of 256 colours these are the levels 0 0 1 and 5 4 1: 16 + 1, and 16 + 180 + 24 + 1.
  EXPECT_EQ(terminal::half_blocks(0, 1, {.colour = true}), "\x1b[38;5;17;48;5;221m▀\x1b[0m");
}

TEST(HalfBlocks, ASquareWithoutAValueIsNotPainted) {
  const TerminalStyle style{.colour = true};
  EXPECT_EQ(terminal::half_blocks(NAN, 1, style), "\x1b[38;5;221m▄\x1b[0m");
  EXPECT_EQ(terminal::half_blocks(1, NAN, style), "\x1b[38;5;221m▀\x1b[0m");
  EXPECT_EQ(terminal::half_blocks(NAN, NAN, style), " ");
}

/// Coordinates of a picture of `rows` x `columns` tokens.
Dataset picture_axes(std::int64_t rows, std::int64_t columns) {
  Dataset dataset;
  const std::int64_t n = rows * columns;
  dataset.add_coordinate("image_token", at::arange(n, at::kInt));
  const auto label = [&](const char* name, const at::Tensor& values) {
    Variable v = variable(name, {"image_token"}, values);
    v.coordinate = true;
    dataset.add(v);
  };
  label("image", at::full({n}, 0, at::kInt));
  label("row", at::arange(n, at::kInt).floor_divide(columns));
  label("column", at::arange(n, at::kInt).remainder(columns));
  return dataset;
}

/// A picture of 2 x 3 tokens at the layers 0, 4 and 7; token t of layer number l has the value
/// 6 l + t.
Dataset patches() {
  Dataset dataset = picture_axes(2, 3);
  dataset.add_coordinate("layer", at::tensor({0, 4, 7}, at::kInt));
  dataset.add(viewed(
      variable("value", {"layer", "image_token"}, at::arange(18, at::kDouble).reshape({3, 6})),
      View::image, "value of the token"));
  return dataset;
}

TEST(RenderPatches, DrawsTheFirstLayerAndThatWithTheLargestValue) {
  // Enlarged six times in width and three times in height; of 17, the values up to 3 have the first
  // shade of five, up to 6 the second, up to 10 the third, up to 13 the fourth.
  EXPECT_EQ(render_dataset("map", patches(), token_text, {}),
            R"(map · image_token 6 · layer 3
value: value of the token; each square is a token of the picture
layer 0              layer 7
··················   ▓▓▓▓▓▓▓▓▓▓▓▓██████
··················   ▓▓▓▓▓▓▓▓▓▓▓▓██████
··················   ▓▓▓▓▓▓▓▓▓▓▓▓██████
······░░░░░░░░░░░░   ██████████████████
······░░░░░░░░░░░░   ██████████████████
······░░░░░░░░░░░░   ██████████████████
Little ink: 0, much: 17.

No receipts.
)");
}

TEST(RenderPatches, ALayerBetweenThatHasTheLargestValueIsDrawnToo) {
  Dataset dataset = patches(), changed;
  for (Variable v : dataset.variables()) {
    if (v.name == "value") {
      v.tensor = v.tensor.clone();
      v.tensor[1][2] = 99;
    }
    changed.add(v);
  }
  const std::string drawn = render_dataset("map", changed, token_text, {});
  EXPECT_THAT(drawn, HasSubstr("layer 0              layer 4              layer 7\n"));
  EXPECT_THAT(drawn, HasSubstr("much: 99."));
}

TEST(RenderPatches, WithoutUnicodeTheShadesAreAscii) {
  const std::string drawn = render_dataset("map", patches(), token_text, {.unicode = false});
  EXPECT_THAT(drawn, HasSubstr("\n......::::::::::::   @@@@@@@@@@@@@@@@@@\n"));
}

TEST(RenderPatches, WithColourACharacterIsTwoSquaresHigh) {
  TerminalStyle style;
  style.colour = true;
  // Two rows of squares, six times as large: six lines of 18 characters in each of two panels.
  const std::string drawn = render_dataset("map", patches(), token_text, style);
  std::size_t blocks = 0;
  for (std::size_t at = drawn.find("▀"); at != std::string::npos; at = drawn.find("▀", at + 1))
    ++blocks;
  EXPECT_EQ(blocks, 2u * 6 * 18);
  EXPECT_THAT(drawn, HasSubstr("Dark: 0, bright: 17."));
}

TEST(RenderPatches, ATokenThatWasLeftOutIsBlank) {
  Dataset dataset, every = patches();
  // Every second token of the picture: columns 0, 2 and 1.
  const at::Tensor kept = at::tensor({0, 2, 4});
  for (Variable v : every.variables()) {
    if (const auto axis = std::find(v.dims.begin(), v.dims.end(), "image_token");
        axis != v.dims.end())
      v.tensor = v.tensor.index_select(axis - v.dims.begin(), kept);
    dataset.add(v);
  }
  const std::string drawn = render_dataset("map", dataset, token_text, {});
  EXPECT_THAT(drawn, HasSubstr("\n······      ······   ▓▓▓▓▓▓      ██████\n"));
  EXPECT_THAT(drawn, HasSubstr("\n      ░░░░░░               ██████\n"));
}

TEST(RenderPatches, AGridThatIsTooWideIsJoined) {
  Dataset dataset = picture_axes(2, 150);
  dataset.add(
      viewed(variable("value", {"image_token"}, at::arange(300, at::kDouble)), View::image));
  for (const bool colour : {false, true}) {
    const std::string drawn =
        render_dataset("map", dataset, token_text, {.columns = 60, .colour = colour});
    for (const auto& line : lines_of(drawn))
      EXPECT_LE(terminal::display_width(without_colours(line)), 60) << line;
    // 150 squares in 60 cells, or in 30 pairs of cells.
    EXPECT_THAT(without_colours(drawn), HasSubstr(colour ? "up to 3 x 3" : "up to 5 x 5"));
  }
}

TEST(RenderPatches, APictureWithDamagedPlacesIsDrawnAsNumbers) {
  Dataset dataset = patches(), damaged;
  for (Variable v : dataset.variables()) {
    if (v.name == "row") v.tensor = at::tensor({0.0, 1e18, NAN, -5.0, 60000.0, 1.0}, at::kDouble);
    if (v.name == "column") v.tensor = at::tensor({60000, 1, 2, 0, 1, 2}, at::kInt);
    damaged.add(v);
  }
  for (const bool colour : {false, true})
    EXPECT_THAT(render_dataset("map", damaged, token_text, {.colour = colour}),
                HasSubstr("value of the token"));
}

/// What the vision lens found in two layers of a picture of 1 x 2 tokens.
Dataset vision_lens() {
  Dataset dataset = picture_axes(1, 2);
  dataset.add_coordinate("layer", at::tensor({0, 1}, at::kInt));
  dataset.add_coordinate("rank", at::tensor({1, 2}, at::kInt));
  dataset.add_coordinate("concept", std::vector<std::string>{"text"});
  dataset.add_coordinate("control", std::vector<std::string>{"no_picture"});
  dataset.add(
      variable("answer_top_id", {"layer", "rank"}, ids({0, 1, 2, 0}, {2, 2}), Holds::token_ids));
  dataset.add(
      variable("answer_top_probability", {"layer", "rank"}, doubles({.5, .25, .75, .125}, {2, 2})));
  dataset.add(variable("answer_entropy", {"layer"}, doubles({1.5, .25}, {2})));
  dataset.add(variable("answer_concept_log_probability", {"layer", "concept"},
                       doubles({std::log(.125), std::log(.75)}, {2, 1})));
  dataset.add(variable("answer_concept_rank", {"layer", "concept"}, doubles({5, 1}, {2, 1})));
  dataset.add(variable("onset", {"concept"}, doubles({1}, {1})));
  dataset.add(variable("control_onset", {"control", "concept"}, doubles({-1}, {1, 1})));
  dataset.add(viewed(variable("concept_log_probability", {"layer", "image_token", "concept"},
                              doubles({-4, -3, -2, -1}, {2, 2, 1})),
                     View::image));
  dataset.attributes["within"] = std::int64_t{3};
  return dataset;
}

TEST(RenderVisionLens, ShowsTheAnswerByLayerAndAMapOfTheConcept) {
  EXPECT_EQ(render_dataset("lens", vision_lens(), token_text, {}),
            R"(lens · image_token 2 · layer 2 · rank 2 · concept 1 · control 1
Answer, at the last position, layer by layer (0: input of the first block, l:
after l blocks):
layer  1st     p  text  rank  entropy
    0  ·In  .500  .125     5     1.50
    1  本   .750  .750     1     0.25
“text” is among the first 3 tokens: from layer 1 on; no_picture: never.

Tokens of the picture, each a square: ln probability of the concept at the first
layer, at that where it is largest, and at the last:
text, layer 0          text, layer 1
··········░░░░░░░░░░   ▓▓▓▓▓▓▓▓▓▓██████████
··········░░░░░░░░░░   ▓▓▓▓▓▓▓▓▓▓██████████
··········░░░░░░░░░░   ▓▓▓▓▓▓▓▓▓▓██████████
··········░░░░░░░░░░   ▓▓▓▓▓▓▓▓▓▓██████████
··········░░░░░░░░░░   ▓▓▓▓▓▓▓▓▓▓██████████
Little ink: -4, much: -1.

The archive has all layers and variables (lensbench show FILE --facts).

within = 3

No receipts.
)");
}

TEST(RenderVisionLens, NamesTheTokensOfEachConceptAndThoseThatBeginOtherTexts) {
  Dataset dataset = vision_lens();
  const auto label = [&](const char* name, Variable values) {
    values.name = name;
    values.dims = {"concept_token"};
    values.coordinate = true;
    dataset.add(std::move(values));
  };
  label("token_concept", {.strings = {"text", "text", "eye"}});
  label("token_text", {.strings = {"In", "fund", "eye"}});
  label("token_id", {.tensor = at::tensor({5, 70, 9}, at::kInt)});
  label("begins_form", {.tensor = at::tensor({0, 1, 0}, at::kInt)});
  EXPECT_THAT(render_dataset("lens", dataset, token_text, {}),
              HasSubstr("Tokens of “text”: 5 “In”, 70 “fund” (begins other texts as well).\n"
                        "Tokens of “eye”: 9 “eye”.\n"));
}

TEST(RenderVisionLens, NeverFillsMoreThanTheTerminalsWidth) {
  for (const int columns : {60, 61, 80, 140})
    for (const bool colour : {false, true})
      for (const auto& line : lines_of(render_dataset("lens", vision_lens(), token_text,
                                                      {.columns = columns, .colour = colour})))
        EXPECT_LE(terminal::display_width(without_colours(line)), columns) << line;
}

TEST(RenderVisionLens, WithoutConceptsItSaysHowToGetAMap) {
  Dataset dataset = vision_lens(), without;
  for (const Variable& v : dataset.variables())
    if (v.name.find("concept") == std::string::npos &&
        std::find(v.dims.begin(), v.dims.end(), "concept") == v.dims.end())
      without.add(v);
  const std::string drawn = render_dataset("lens", without, token_text, {});
  EXPECT_THAT(drawn, HasSubstr("--set concepts="));
  EXPECT_THAT(drawn, Not(HasSubstr("rank  entropy")));
}

}  // namespace
}  // namespace lensbench
