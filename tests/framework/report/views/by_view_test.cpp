#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/report/views/sample_datasets.hpp"
#include "report/views/render.hpp"

// Pictures that the attribute `view` of a variable chooses, for results of any tool.

namespace lensbench {
namespace {

using namespace testing;  // the sample datasets
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RenderByView, DrawsAHeatMapWithNumbersAndMarks) {
  EXPECT_EQ(render_dataset("probe", small_map(View::heatmap), token_text, {}),
            R"(probe · token 3 · layer 2
norm: length; layer down, token across
   at    0      1      2
layer  ·In   ·the     本
    0  1.0▁   2.5▁
    1  4.0▂  20.0█  12.2▅
Smallest 1 at layer 0, position 0 (“·In”); largest 20 at layer 1, position 1
(“·the”). The mark after a number is higher the larger it is.

No receipts.
)");
}

TEST(RenderByView, PutsColourUnderNumbersWhereTheTerminalHasIt) {
  TerminalStyle style;
  style.colour = true;
  const std::string map = render_dataset("probe", small_map(View::heatmap), token_text, style);
  EXPECT_THAT(map, HasSubstr("48;5;"));
  EXPECT_THAT(without_colours(map), HasSubstr("    1   4.0  20.0  12.2 \n"));
  EXPECT_THAT(without_colours(map), HasSubstr("Dark: small; bright: large."));
  const std::string signs = render_dataset("probe", small_map(View::patching), token_text, style);
  EXPECT_THAT(without_colours(signs), HasSubstr("Blue: above zero; orange: below."));
}

TEST(RenderByView, DrawsTheSameVariableAsItsViewSays) {
  EXPECT_THAT(render_dataset("x", small_map(View::trajectory), token_text, {}), HasSubstr(R"(
norm: length
At last token “本” (position 2):
layer
    0
    1  12.2  █████████████████████████████████████████
First NaN at layer 0, last 12.25 at layer 1; smallest 12.25 at layer 1, largest
12.25 at layer 1.
)"));
  EXPECT_THAT(render_dataset("x", small_map(View::bars), token_text, {}), HasSubstr(R"(
At last token “本” (position 2):
layer    value
1      +12.250)"));
  EXPECT_THAT(render_dataset("x", small_map(View::tokens), token_text, {}), HasSubstr(R"(
norm: length; at layer 0 (first of 2)
at  token  norm
 0  ·In    1.00
 1  ·the   2.50
 2  本
)"));
  EXPECT_THAT(render_dataset("x", small_map(View::general), token_text, {}),
              HasSubstr("norm      layer 2, token 3    1  7.95   20"));
}

TEST(RenderByView, DrawsAMapForEachOfAFewKinds) {
  Dataset dataset;
  add_token_axis(dataset, {0, 1}, {" In", " the"});
  dataset.add_coordinate("block", at::tensor({0, 1}, at::kInt));
  dataset.add_coordinate("kind", std::vector<std::string>{"attn", "mlp"});
  dataset.add(viewed(variable("effect", {"kind", "block", "token"},
                              doubles({1, 2, 3, 4, 50, 60, 70, 80}, {2, 2, 2})),
                     View::patching, "effect"));
  const std::string text = render_dataset("x", dataset, token_text, {});
  EXPECT_THAT(text, HasSubstr("effect attn: effect; block down, token across"));
  EXPECT_THAT(text, HasSubstr("effect mlp: effect; block down, token across"));
  EXPECT_THAT(text, HasSubstr("Smallest 1 at block 0, position 0 (“·In”); largest 4 at block 1"));
  EXPECT_THAT(text, HasSubstr("Smallest 50 at block 0, position 0 (“·In”); largest 80 at block 1"));
  EXPECT_THAT(text, Not(HasSubstr("first of")));
}

TEST(RenderByView, GoesByDimensionsWhereAVariableDoesNotSayItsView) {
  Dataset dataset;
  add_token_axis(dataset, {0}, {" In"});
  add_layer_axis(dataset, 1);
  dataset.add(variable("norm", {"layer", "token"}, doubles({1, 2}, {2, 1})));
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}),
              HasSubstr("norm: layer down, token across"));
  EXPECT_EQ(reading_order(dataset), 0);
}

TEST(RenderByView, LetsAViewDecideForAVariableWithTheNameOfAShippedTool) {
  Dataset dataset;
  add_token_axis(dataset, {0}, {" In"});
  dataset.add(viewed(variable("chosen_probability", {"token"}, doubles({.5}, {1})), View::tokens));
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}), Not(HasSubstr("most probable")));
  Dataset shipped;
  add_token_axis(shipped, {0}, {" In"});
  shipped.add(
      viewed(variable("chosen_probability", {"token"}, doubles({.5}, {1})), View::generation));
  EXPECT_THAT(render_dataset("x", shipped, token_text, {}), HasSubstr("most probable"));
}

TEST(RenderByView, ListsInOneLineEachWhatIsNotDrawn) {
  Dataset dataset = small_map(View::heatmap);
  dataset.add(viewed(variable("raw", {"layer"}, doubles({1, 2}, {2})), View::general, "numbers"));
  dataset.add(viewed(variable("total", {}, doubles({3}, {})), View::general, "sum"));
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}), HasSubstr(R"(
Not drawn (lensbench show FILE --facts has the facts of all variables):
  raw (layer 2): numbers
  total = 3: sum
)"));
}

TEST(RenderByView, PutsTablesOverOneAxisTogether) {
  Dataset dataset;
  dataset.add_coordinate("layer", at::tensor({0, 1}, at::kInt));
  dataset.add_coordinate("end", std::vector<std::string>{"low", "high"});
  dataset.add(viewed(variable("mean", {"layer"}, doubles({1.5, 2}, {2})), View::statistics));
  dataset.add(
      viewed(variable("range", {"layer", "end"}, doubles({1, 2, 1, 3}, {2, 2})), View::table));
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}), HasSubstr(R"(
layer   mean  range low  range high
0      1.500          1           2
1      2.000          1           3
)"));
}

Variable edge_names(const std::string& name, const std::vector<std::string>& texts) {
  Variable names;
  names.name = name;
  names.dims = {"edge"};
  names.strings = texts;
  names.coordinate = true;
  return names;
}

TEST(RenderByView, ListsTheEdgesOfAGraphByNameTheLargestFirst) {
  Dataset dataset;
  dataset.add(edge_names("source", {"embed", "L0H0", "embed"}));
  dataset.add(edge_names("target", {"L0H0", "logits", "logits"}));
  dataset.add(viewed(variable("importance", {"edge"}, doubles({0.5, -2, NAN}, {3})), View::graph,
                     "what it carries"));
  dataset.add(viewed(variable("score", {"edge"}, doubles({-0.5, 2, 0}, {3})), View::graph));
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}), HasSubstr(R"(
source  target  importance   score
L0H0    logits      -2.000   2.000
embed   L0H0         0.500  -0.500
embed   logits)"));
}

TEST(RenderByView, ShowsFortyEdgesOfAGraphAndSaysSo) {
  Dataset dataset;
  dataset.add(viewed(variable("importance", {"edge"}, at::rand({100})), View::graph));
  const std::string text = render_dataset("x", dataset, token_text, {});
  EXPECT_THAT(text, HasSubstr("Shown: the 40 of 100 with the largest size of importance"));
  EXPECT_LE(lines_of(text).size(), 50);
}

TEST(RenderByView, ListsTheTextsOfATableNextToItsNumbers) {
  Dataset dataset;
  dataset.add("written_case0", "cell", {" a king", " a \x1b[2J queen"}, "what the model wrote");
  dataset.set_attribute("written_case0", "view", "table");
  dataset.add(viewed(variable("shift", {"case", "cell"}, doubles({1.5, 2}, {1, 2})), View::table));
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}), HasSubstr(R"(
written_case0: what the model wrote
cell  written_case0     shift
0      a king           1.500
1      a \x1b[2J queen  2.000
)"));
}

TEST(RenderByView, ListsTheEdgesOfAGraphByTheTextsOfTheirEnds) {
  Dataset dataset;
  dataset.add("from", "edge", {"L0H1", "L0H2"}, "");
  dataset.add("to", "edge", {"L1H0", "logits"}, "");
  dataset.add(viewed(variable("effect", {"edge"}, doubles({.5, .25}, {2})), View::graph));
  for (const char* name : {"from", "to"}) dataset.set_attribute(name, "view", "graph");
  const std::string text = render_dataset("x", dataset, token_text, {});
  EXPECT_THAT(text, HasSubstr(R"(
from  to      effect
L0H1  L1H0    0.5000
L0H2  logits  0.2500
)"));
  EXPECT_THAT(text, Not(HasSubstr("Not drawn")));
}

TEST(RenderByView, PutsTextsOverTokensInTheTableOfTokens) {
  Dataset dataset;
  add_token_axis(dataset, {0, 1}, {" In", " the"});
  dataset.add("role", "token", {"preposition", "article"}, "word class");
  dataset.set_attribute("role", "view", "tokens");
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}), HasSubstr(R"(
role: word class
at  token  role
 0  ·In    preposition
 1  ·the   article
)"));
}

TEST(RenderByView, NamesTextsWithoutAViewNextToAPicture) {
  Dataset dataset = small_map(View::heatmap);
  dataset.add("remark", "line", {"a", "b"}, "a remark");
  EXPECT_THAT(render_dataset("x", dataset, token_text, {}),
              HasSubstr("remark (line 2): a remark\n"));
}

TEST(RenderByView, TakesAboutSixtyLinesForAVariable) {
  for (const View view : {View::heatmap, View::trajectory, View::bars, View::tokens,
                          View::attention, View::patching, View::statistics}) {
    Dataset dataset = long_lens(300, 79);
    Dataset one;
    for (const auto& v : dataset.variables())
      if (v.coordinate) one.add(v);
    one.add(viewed(variable("v", {"layer", "token"}, at::rand({80, 300})), view));
    EXPECT_LE(lines_of(render_dataset("x", one, token_text, {})).size(), 66) << to_string(view);
    EXPECT_THAT(render_dataset("x", one, token_text, {}), HasSubstr("the archive has"))
        << to_string(view);
  }
}

}  // namespace
}  // namespace lensbench
