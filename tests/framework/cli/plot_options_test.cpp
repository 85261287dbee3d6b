#include "cli/commands/plot_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "cli/table/commands.hpp"

namespace lensbench::cli {
namespace {

using ::testing::ElementsAreArray;

const Option& option_of(const Command& command, const std::string& name) {
  for (const Option& option : command.options)
    if (option.name == name) return option;
  throw UsageError("there is no option " + name);
}

// The table of commands is linked without the library and repeats its words.
TEST(PlotOptions, TheTableHasTheKindsAndPalettesOfFigures) {
  const Command command = plot_command();
  EXPECT_THAT(option_of(command, "kind").words, ElementsAreArray(figure::kind_names()));
  EXPECT_THAT(option_of(command, "palette").words, ElementsAreArray(figure::palette_names()));
}

TEST(PlotOptions, LengthsHaveUnits) {
  EXPECT_DOUBLE_EQ(length_in_mm("width", "85mm"), 85);
  EXPECT_DOUBLE_EQ(length_in_mm("width", "85"), 85);
  EXPECT_DOUBLE_EQ(length_in_mm("width", "8.5cm"), 85);
  EXPECT_DOUBLE_EQ(length_in_mm("width", "2in"), 50.8);
  EXPECT_DOUBLE_EQ(length_in_mm("width", "72pt"), 25.4);
  for (const char* wrong : {"", "mm", "-3mm", "0", "85px", "1e9", "nan", "8 5"})
    EXPECT_THROW(length_in_mm("width", wrong), UsageError) << wrong;
}

TEST(PlotOptions, SpansIncludeBothEnds) {
  EXPECT_EQ(span_of("layers", "2:5"), (figure::Span{2, 5}));
  EXPECT_EQ(span_of("layers", "3"), (figure::Span{3, 3}));
  EXPECT_EQ(span_of("layers", ":5").first, 0);
  EXPECT_EQ(span_of("layers", "2:").first, 2);
  EXPECT_GT(span_of("layers", "2:").last, 1000000);
  for (const char* wrong : {"", ":", "5:2", "-1:2", "a:b", "1:2:3", "1.5"})
    EXPECT_THROW(span_of("layers", wrong), UsageError) << wrong;
}

TEST(PlotOptions, ListsOfSpansAreInIncreasingOrder) {
  using Spans = std::vector<figure::Span>;
  EXPECT_EQ(spans_of("tokens", "2,5:7"), (Spans{{2, 2}, {5, 7}}));
  EXPECT_EQ(spans_of("tokens", ":1,4:"), (Spans{{0, 1}, {4, figure::kNoEnd}}));
  for (const char* wrong : {"", ",", "1,", ",1", "5,2", "1:3,3", "2:,5", "1,,2"})
    EXPECT_THROW(spans_of("tokens", wrong), UsageError) << wrong;
}

TEST(PlotOptions, RangesAreTwoNumbers) {
  EXPECT_EQ(range_of("range", "-1:2.5"), (std::pair<double, double>(-1, 2.5)));
  for (const char* wrong : {"", "1", "1:", "2:1", "1:1", "a:b", "nan:1", "0:inf", "-inf:0"})
    EXPECT_THROW(range_of("range", wrong), UsageError) << wrong;
}

TEST(PlotOptions, TheEndOfTheNameIsTheFormat) {
  EXPECT_EQ(format_of("a/b.svg"), figure::Format::svg);
  EXPECT_EQ(format_of("a.svg/b.png"), figure::Format::png);
  EXPECT_EQ(format_of("b.c.pdf"), figure::Format::pdf);
  for (const char* wrong : {"b", "b.jpeg", "svg", ".svg", "b.SVG", "b.pdf.gz"})
    EXPECT_THROW(format_of(wrong), UsageError) << wrong;
}

}  // namespace
}  // namespace lensbench::cli
