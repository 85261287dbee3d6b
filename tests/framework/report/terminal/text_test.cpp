#include "report/terminal/text.hpp"

#include <gtest/gtest.h>

namespace lensbench::terminal {
namespace {

TEST(Visible, MarksTheBlanksOfAToken) {
  EXPECT_EQ(visible(" the", Blanks::marked), "·the");
  EXPECT_EQ(visible("\n\t\r", Blanks::marked), "⏎⇥␍");
}

TEST(Visible, KeepsTheSpacesOfRunningText) {
  EXPECT_EQ(visible("a b\nc", Blanks::kept), "a b⏎c");
}

TEST(Visible, NeutralisesEscapeSequences) {
  EXPECT_EQ(visible("\x1b[31mred\x07", Blanks::marked), "\\x1b[31mred\\x07");
  // The one-character form of ESC [ (C1 control U+009B).
  EXPECT_EQ(visible("\xc2\x9b"
                    "2J",
                    Blanks::kept),
            "\\x9b2J");
}

TEST(Visible, NeutralisesDirectionOverridesAndInvisibleCharacters) {
  EXPECT_EQ(visible("a\u202eb", Blanks::kept), "a\\u{202e}b");
  EXPECT_EQ(visible("\u200b", Blanks::kept), "\\u{200b}");
  EXPECT_EQ(visible("\u2028", Blanks::kept), "\\u{2028}");
}

TEST(Visible, ShowsInvalidBytesAsHex) {
  EXPECT_EQ(visible("\xe6\x97", Blanks::marked), "\\xe6\\x97");
  EXPECT_EQ(visible("a\xff", Blanks::marked), "a\\xff");
}

TEST(Visible, SetsALoneCombiningMarkOnADottedCircle) {
  EXPECT_EQ(visible("\u0301", Blanks::marked), "◌\u0301");
  EXPECT_EQ(visible("e\u0301", Blanks::marked), "e\u0301");
}

TEST(Visible, KeepsNoMoreThanTwoMarksOnOneCharacter) {
  EXPECT_EQ(visible("e\u0301\u0302\u0303\u0304x", Blanks::marked), "e\u0301\u0302x");
}

TEST(Visible, EscapesEverythingBeyondAsciiWhereUtf8IsNotUnderstood) {
  EXPECT_EQ(visible(" caf\u00e9 \u65e5", Blanks::marked, false), "_caf\\xe9_\\u{65e5}");
}

TEST(DisplayWidth, CountsEastAsianWideCharactersAsTwoAndMarksAsNone) {
  EXPECT_EQ(display_width("日本語"), 6);
  EXPECT_EQ(display_width("e\u0301t"), 2);
  EXPECT_EQ(display_width("·the"), 4);
}

TEST(Fit, CutsBetweenCharactersAndFillsTheWidth) {
  EXPECT_EQ(fit("the", 5, Align::left), "the  ");
  EXPECT_EQ(fit("the", 5, Align::right), "  the");
  EXPECT_EQ(fit("internationalisation", 6, Align::left), "inter…");
  // The third wide character would leave no cell for the ellipsis; one cell is filled up.
  EXPECT_EQ(fit("日本語学", 6, Align::left), "日本… ");
}

TEST(Wrap, BreaksAtSpacesAndIndentsWhatFollows) {
  EXPECT_EQ(wrap("one two three four", 9, 2),
            (std::vector<std::string>{"one two", "  three", "  four"}));
}

}  // namespace
}  // namespace lensbench::terminal
