#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "report/figure/figure.hpp"
#include "report/figure/scene/scene.hpp"
#include "report/figure/scene/text_width.hpp"
#include "sample_figures.hpp"
#include "svg_reader.hpp"

// The room of texts in figures.

namespace lensbench::figure {
namespace {

using lensbench::testing::Element;
using lensbench::testing::elements;
using lensbench::testing::grid_dataset;
using lensbench::testing::texts;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Figure laid_out(const Dataset& data, const Request& request) {
  return draw(data, request, lensbench::testing::letter);
}

// Every text is inside of the figure and no two labels of an axis overlap, also for long labels and
// many of them. Widths are those of the metrics that the layout uses.
TEST(FigureLayout, LabelsStayInsideAndApart) {
  for (const std::int64_t tokens : {1, 2, 9, 13, 24, 60, 101, 1000, 4000})
    for (const std::int64_t layers : {1, 12, 49, 101}) {
      const Figure figure =
          laid_out(grid_dataset(layers, tokens), {.variable = "value", .cells = CellContent::none});
      const auto all = elements(figure.svg, "text");
      const double width = figure.width_mm * 72 / 25.4, height = figure.height_mm * 72 / 25.4;
      std::vector<double> level, upright, rows;
      for (const Element& text : all) {
        EXPECT_GE(text.number("x"), 0);
        EXPECT_LE(text.number("x"), width);
        EXPECT_GE(text.number("y"), 0);
        EXPECT_LE(text.number("y"), height) << tokens << " x " << layers;
        const bool turned = text.attributes.contains("transform");
        const bool at_end =
            text.attributes.contains("text-anchor") && text.attributes.at("text-anchor") == "end";
        if (turned && at_end) upright.push_back(text.number("x"));
        if (!turned && at_end) rows.push_back(text.number("y"));
      }
      for (std::vector<double>* places : {&upright, &rows}) {
        std::sort(places->begin(), places->end());
        for (std::size_t i = 1; i < places->size(); ++i)
          EXPECT_GE((*places)[i] - (*places)[i - 1], 7) << tokens << " x " << layers;
      }
    }
}

/// A value for each name, with its interval, and one for each name and layer.
Dataset named_dataset(const std::vector<std::string>& names) {
  const auto n = static_cast<std::int64_t>(names.size());
  const at::Tensor values = at::arange(n, at::kDouble);
  Dataset data;
  data.add_coordinate("component", names);
  add_layer_axis(data, 1);
  data.add_coordinate("bound", std::vector<std::string>{"low", "high"});
  data.add("share", {"component"}, values, "1", "share");
  data.add("gain", {"component"}, values, "1", "gain");
  data.add("gain_interval", {"bound", "component"}, at::stack({values - 1, values + 1}), "1",
           "ends");
  data.add("map", {"component", "layer"}, at::stack({values, values}, 1), "1", "map");
  return data;
}

/// The left end of each label at a row, by the widths that the layout uses.
std::vector<double> left_ends(const Figure& figure) {
  std::vector<double> ends;
  for (const Element& text : elements(figure.svg, "text"))
    if (!text.attributes.contains("transform") && text.attributes.contains("text-anchor") &&
        text.attributes.at("text-anchor") == "end")
      ends.push_back(text.number("x") - text_width(text.text, kTextSize));
  return ends;
}

// Labels begin where the title of the axis ends: after a margin of 2 pt and a line of 8.6 pt.
void expect_room_of_the_widest(const Figure& figure) {
  const std::vector<double> ends = left_ends(figure);
  ASSERT_FALSE(ends.empty());
  const double widest = *std::min_element(ends.begin(), ends.end());
  EXPECT_GE(widest, 10.5);
  EXPECT_LE(widest, 11.7);
}

TEST(FigureLayout, LabelsAtRowsAreWholeAndTakeTheRoomOfTheWidest) {
  const std::vector<std::vector<std::string>> lists = {{"a", "b"},
                                                       {"embed", "0_attn_out"},
                                                       {"hallucination_signals", "a"},
                                                       {"steering by mean_difference", "embed"},
                                                       {"神の国は近づいた", "Щупальце 😀😀"}};
  for (const auto& names : lists)
    for (const char* variable : {"share", "gain", "map"}) {
      SCOPED_TRACE(names.front() + " " + variable);
      const Figure figure = laid_out(named_dataset(names), {.variable = variable});
      for (const std::string& name : names) EXPECT_THAT(texts(figure.svg), Contains(name));
      expect_room_of_the_widest(figure);
    }
}

TEST(FigureLayout, LabelsThatAreLongerThanHalfOfTheFigureAreCut) {
  const std::string longest(100, 'x');
  for (const double width : {60., 85., 170.}) {
    SCOPED_TRACE(width);
    const Figure figure =
        laid_out(named_dataset({longest, "short"}), {.variable = "share", .width_mm = width});
    expect_room_of_the_widest(figure);
    std::string shown;
    for (const std::string& text : texts(figure.svg))
      if (text.starts_with("x") && text.ends_with("…")) shown = text;
    const double half = width * 72 / 25.4 / 2;
    EXPECT_LE(text_width(shown, kTextSize), half);
    EXPECT_GT(text_width(shown, kTextSize), half - 7);
  }
}

// Sums of the advance widths in the file of DejaVu Sans, in thousandths of the size, by fontTools.
TEST(FigureLayout, TextsOfOtherAlphabetsAreAsWideAsInDejaVuSans) {
  const std::vector<std::pair<std::string, double>> widths = {
      {"Щука", 2902},  {"Жизнь", 3502}, {"Ψυχή", 2577}, {"Ångström", 4863},
      {"Œuvre", 3322}, {"ñ", 634},      {"→", 838},     {"—", 1000}};
  for (const auto& [text, width] : widths) {
    EXPECT_GE(text_width(text, 1000), width - 0.5) << text;
    EXPECT_LE(text_width(text, 1000), 1.04 * width) << text;
  }
}

// Ideographs fill a square of the size. A picture of Noto Color Emoji is 2,550 of 2,048 units wide.
TEST(FigureLayout, IdeographsAndEmojiAreWide) {
  EXPECT_DOUBLE_EQ(text_width("神の国", 7), 3 * 7);
  EXPECT_DOUBLE_EQ(text_width("한국", 7), 2 * 7);
  EXPECT_NEAR(text_width("😀🐈", 1000), 2 * 1000 * 2550. / 2048, 3);
  EXPECT_DOUBLE_EQ(text_width("e\u0301", 7), text_width("e", 7));  // a mark on a letter
}

// Rows that have no label do not need room.
TEST(FigureLayout, LabelsThatAreNotDrawnTakeNoRoom) {
  std::vector<std::string> names(50, "a");
  names[1] = "a long name of the second row";
  const Figure figure = laid_out(named_dataset(names), {.variable = "share", .height_mm = 60});
  EXPECT_THAT(texts(figure.svg), Not(Contains(names[1])));
  expect_room_of_the_widest(figure);
}

TEST(FigureLayout, NamesOfLinesStayInside) {
  Dataset data = named_dataset({"steering by mean_difference", std::string(100, 'm')});
  const Figure figure = laid_out(data, {.variable = "map", .kind = Kind::lines});
  const double right = figure.width_mm * 72 / 25.4;
  int names = 0;
  for (const Element& text : elements(figure.svg, "text")) {
    if (!text.attributes.contains("font-weight") || text.text == figure.title) continue;
    // The mean over letters of DejaVu Sans Bold and DejaVu Sans.
    EXPECT_LE(text.number("x") + 1.14 * text_width(text.text, kTextSize), right) << text.text;
    ++names;
  }
  EXPECT_EQ(names, 2);
}

TEST(FigureLayout, SizesAreThoseOfTheRequest) {
  const Figure figure =
      laid_out(grid_dataset(5, 5), {.variable = "value", .width_mm = 170, .height_mm = 60});
  EXPECT_THAT(figure.svg, HasSubstr("width=\"481.89pt\" height=\"170.08pt\""));
  EXPECT_THAT(figure.svg, HasSubstr("font-size=\"7\""));
}

}  // namespace
}  // namespace lensbench::figure
