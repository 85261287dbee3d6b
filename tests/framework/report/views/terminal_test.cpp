#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/dataset/join_cases.hpp"
#include "framework/report/views/sample_datasets.hpp"
#include "report/terminal/text.hpp"
#include "report/views/render.hpp"

namespace lensbench {
namespace {

using namespace testing;  // the sample datasets
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RenderLens, DrawsLayersDownAndPositionsAcross) {
  EXPECT_EQ(render_dataset("lens", small_lens(), token_text, {}),
            R"(lens · token 3 · layer 3 · rank 2
Layers down (0: embedding, l: after l blocks), positions across. Each cell: the
token the model would predict next if it stopped there, and its probability in
per cent. Last row: first layer from which on the final answer is first.

   at  0        1              2
input  ·In      ·the           本
    0  ·the  2  ·beginning 12  \x1b[2J  5
    1  ·the 50  ·beginning 25  ·In     30
    2  ·the 99  ·beginning 62  ⏎       87
 from  0        0              2

Prediction after “本” (position 2), layer by layer; the target is “⏎”:
layer  1st         p  2nd         p  entropy    KL  rank
    0  \x1b[2J  .050  ·In      .025     1.50  3.25     4
    1  ·In      .300  ⏎        .200     1.25  0.50     2
    2  ⏎        .875  \x1b[2J  .062     0.50  0.00     1
Target “⏎”: probability ▁▂█  0.025 → 0.875, rank 4 → 1
The final answer “⏎” is the first choice from layer 2 on.

1 receipt passed.
)");
}

TEST(RenderLens, ShowsTheLastMaskedPositionOfAMaskedLanguageModel) {
  Dataset lens = small_lens();
  lens.add(variable("masked", {"token"}, ids({1, 1, 0}, {3}).to(at::kChar)));
  const std::string drawn = render_dataset("lens", lens, token_text, {});
  EXPECT_THAT(drawn, HasSubstr("model would predict at this position if it"));
  EXPECT_THAT(drawn, HasSubstr("Prediction at “·the” (position 1), layer by layer"));
}

TEST(RenderLens, ColoursShowProbabilityInsteadOfDigits) {
  TerminalStyle style;
  style.colour = true;
  const std::string drawn = render_dataset("lens", small_lens(), token_text, style);
  EXPECT_THAT(drawn, HasSubstr("\x1b[38;5;231;48;5;"));
  EXPECT_THAT(without_colours(drawn), HasSubstr("    2   ·the  ·beginning  ⏎       \n"));
}

TEST(RenderLens, SaysWhichPositionsOfALongTextAreLeftOut) {
  const std::string drawn = render_dataset("lens", long_lens(200, 2), token_text, {});
  EXPECT_THAT(drawn, HasSubstr("Positions 0 to "));
  EXPECT_THAT(drawn, HasSubstr(" 199"));
}

TEST(RenderLens, DrawsFirstAndLastOfManyLayers) {
  const std::string drawn = render_dataset("lens", long_lens(2, 96), token_text, {});
  EXPECT_THAT(drawn, HasSubstr("\n    0  "));
  EXPECT_THAT(drawn, HasSubstr("\n   96  "));
  EXPECT_THAT(drawn, HasSubstr("Only some layers are shown; the archive has all 97."));
}

TEST(RenderLens, SaysHowManyMoreCasesThereAre) {
  Dataset lens = small_lens();
  lens.add(variable("loss", {}, doubles({0.5}, {})));  // case ids are kept where cases are rows
  const std::vector<Dataset> cases(5, lens);
  const Dataset joined = join_cases(cases, {0, 1, 2, 3, 4}, {"a", "b", "c", "d", "e"});
  const std::string drawn = render_dataset("lens", joined, token_text, {});
  EXPECT_THAT(drawn, HasSubstr("case 0 (a)"));
  EXPECT_THAT(drawn, HasSubstr("4 more cases in the archive."));
}

TEST(RenderDataset, ShowsEveryAttributeLongTextsOnLinesOfTheirOwn) {
  Dataset lens = small_lens();
  const std::string rule = "blocks keep the settings of their own index; a variant starts at block";
  lens.attributes = {{"draws", std::int64_t{3}},
                     {"rule", rule},
                     {"left_out", std::string(60, 'x')},
                     {"points", std::vector<std::string>{"resid_post", "attn_out"}}};
  TerminalStyle wide;
  wide.columns = 140;
  const std::string drawn = render_dataset("lens", lens, token_text, wide);
  EXPECT_THAT(drawn, HasSubstr("draws = 3; points = resid_post, attn_out\n"));
  EXPECT_THAT(drawn, HasSubstr("\nrule = " + rule + "\n"));
  EXPECT_THAT(drawn, HasSubstr("\nleft_out = " + std::string(60, 'x') + "\n"));
  for (const auto& line : lines_of(render_dataset("lens", lens, token_text, {.columns = 60})))
    EXPECT_LE(terminal::display_width(line), 60) << line;
}

TEST(RenderDataset, NeverFillsMoreThanTheTerminalsWidth) {
  for (const int columns : {60, 80, 81, 100, 140}) {
    for (const bool unicode : {true, false}) {
      TerminalStyle style;
      style.columns = columns;
      style.unicode = unicode;
      for (const Dataset& lens : {small_lens(), long_lens(50, 12), every_view()})
        for (const auto& line : lines_of(render_dataset("lens", lens, token_text, style)))
          EXPECT_LE(terminal::display_width(line), columns) << line;
    }
  }
}

TEST(RenderDataset, WritesNoEscapeSequenceWithoutColour) {
  EXPECT_THAT(render_dataset("lens", small_lens(), token_text, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render_dataset("all", every_view(), token_text, {}), Not(HasSubstr("\x1b")));
}

TEST(RenderDataset, LetsNoEscapeSequenceOfATokenThroughWithColour) {
  TerminalStyle style;
  style.colour = true;
  EXPECT_THAT(render_dataset("lens", small_lens(), token_text, style), Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(render_dataset("all", every_view(), token_text, style), Not(HasSubstr("\x1b[2J")));
}

TEST(RenderDataset, KeepsToAsciiWhereUtf8IsNotUnderstood) {
  TerminalStyle style;
  style.unicode = false;
  for (const Dataset& dataset : {small_lens(), small_map(View::heatmap), every_view()})
    for (const char c : render_dataset("lens", dataset, token_text, style))
      EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
}

TEST(RenderDataset, SaysLoudlyWhichReceiptFails) {
  Dataset dataset;
  dataset.receipts.push_back(make_receipt("fine", 0, 1));
  dataset.receipts.push_back(make_receipt("sum_of_components", 0.5, 0.001, "one rounding each"));
  EXPECT_EQ(render_dataset("x", dataset, token_text, {}),
            "x\n"
            "\n"
            "1 receipt passed.\n"
            "1 RECEIPT FAILED.\n"
            "FAILED sum_of_components: 0.5, at most 0.001 is allowed. one rounding each\n");
}

TEST(RenderAttribution, DrawsSignedBarsWithAblationBeside) {
  Dataset dataset;
  add_token_axis(dataset, {0}, {" In"});
  dataset.add_coordinate("component",
                         std::vector<std::string>{"embed", "0_attn_out", "0_mlp_out", "bias"});
  dataset.add(variable("target_id", {"token"}, ids({1}, {1}), Holds::token_ids));
  dataset.add(variable("target_logit", {"token"}, doubles({1.5}, {1})));
  dataset.add(
      variable("logit_contribution", {"component", "token"}, doubles({1, -2, 4, -1.5}, {4, 1})));
  dataset.add_coordinate("ablation", std::vector<std::string>{"zero"});
  dataset.add(variable("ablation_effect", {"ablation", "component", "token"},
                       doubles({NAN, 1.75, -3.5, NAN}, {1, 4, 1})));
  TerminalStyle style;
  style.columns = 60;
  EXPECT_EQ(render_dataset("why", dataset, token_text, style),
            R"(why · token 1 · component 4 · ablation 1
Logit of “·the” after “·In” (position 0): 1.500, the sum of
what was added to the stream:
component    direct                                   zero
embed        +1.000               │███▌
0_attn_out   -2.000        ███████│                 +1.750
0_mlp_out    +4.000               │██████████████   -3.500
bias         -1.500         ▐█████│

direct: what the component adds to the logit. zero: change
of the logit when its output is replaced by zeros.

No receipts.
)");
}

TEST(RenderAttribution, DrawsTheMeanOverCasesAlike) {
  Dataset dataset;
  dataset.add_coordinate("component", std::vector<std::string>{"embed", "0_attn_out"});
  dataset.add_coordinate("ablation", std::vector<std::string>{"mean"});
  dataset.add(variable("logit_contribution_mean", {"component"}, doubles({-1, 2}, {2})));
  dataset.add(
      variable("ablation_effect_mean", {"ablation", "component"}, doubles({NAN, -1.25}, {1, 2})));
  dataset.add(variable("pearson", {"ablation"}, doubles({0.5}, {1})));
  dataset.add(variable("spearman", {"ablation"}, doubles({NAN}, {1})));
  TerminalStyle style;
  style.columns = 60;
  EXPECT_EQ(render_dataset("responsibility", dataset, token_text, style),
            R"(responsibility · component 2 · ablation 1
Mean over the cases of what each component adds to the
target logit:
component    direct                                   mean
embed        -1.000        ███████│
0_attn_out   +2.000               │██████████████   -1.250

Mean contribution against mean logit lost: mean r = 0.50,
rank correlation undefined.

direct: what the component adds to the logit. mean: change
of the logit when its output is replaced by its mean over
the reference prompts.

No receipts.
)");
}

TEST(RenderTokenAnalysis, MarksWhereTheModelLeftItsFirstChoice) {
  Dataset dataset;
  add_token_axis(dataset, {0, 1, 2}, {" In", " the", "本"});
  dataset.add(variable("chosen_probability", {"token"}, doubles({NAN, .5, .25}, {3})));
  dataset.add(variable("chosen_rank", {"token"}, ids({-1, 1, 2}, {3})));
  dataset.add(variable("surprisal", {"token"}, doubles({NAN, .69, 1.39}, {3})));
  dataset.add(variable("generated", {"token"}, ids({0, 0, 1}, {3})));
  dataset.add(variable("top_id", {"token", "rank"}, ids({-1, 1, 4}, {3, 1}), Holds::token_ids));
  dataset.add(variable("top_probability", {"token", "rank"}, doubles({NAN, .5, .75}, {3, 1})));
  // exp((0.69 + 1.39) / 2) = 2.829
  EXPECT_THAT(render_dataset("audit", dataset, token_text, {}), HasSubstr(R"(
at       token     p  rank  -ln p  most probable
 0       ·In
 1       ·the   .500     1   0.69  ·the 50
 2  +!   本     .250     2   1.39  ·beginning 75
)"));
  EXPECT_THAT(render_dataset("audit", dataset, token_text, {}),
              HasSubstr("Mean surprisal 1.040 nats, perplexity 2.829"));
}

TEST(RenderTables, PutsAMeanAndItsStandardErrorInOneColumn) {
  Dataset dataset;
  add_layer_axis(dataset, 1);
  Variable mean = variable("entropy_mean", {"layer"}, doubles({4.25, 1.5}, {2}));
  mean.units = "nats";
  dataset.add(mean);
  dataset.add(variable("entropy_se", {"layer"}, doubles({.5, .25}, {2})));
  EXPECT_EQ(render_dataset("trajectory", dataset, token_text, {}),
            R"(trajectory · layer 2
layer  layer_label   entropy [nats]
    0  embed         4.250 ± 0.5000
    1  0_resid_post  1.500 ± 0.2500

No receipts.
)");
}

}  // namespace
}  // namespace lensbench
