#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/text/base64.hpp"
#include "core/text/markup.hpp"
#include "report/figure/scene/png.hpp"
#include "report/figure/scene/scene.hpp"
#include "report/figure/scene/text_width.hpp"

namespace lensbench::figure {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FigureSvg, EscapesWhatXmlReserves) {
  EXPECT_EQ(escape_markup(R"(<a href="x">&'</a>)"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escape_markup("本 é \U0001f600"), "本 é \U0001f600");
}

TEST(FigureSvg, ReplacesWhatXmlForbids) {
  EXPECT_EQ(escape_markup(std::string_view("a\0b\x1b\xffz", 6)), "a\ufffdb\ufffd\ufffdz");
  EXPECT_EQ(escape_markup("\xef\xbf\xbe"), "\ufffd");  // U+FFFE
}

TEST(FigureSvg, NoTextOfAnArchiveBecomesAnElement) {
  const std::string evil = "</text><script>alert(1)</script><text x=\"";
  Scene scene;
  scene.width = scene.height = 10;
  scene.font = scene.title = scene.description = evil;
  scene.add(Text{.x = 1, .y = 2, .text = evil});
  const std::string svg = svg_of(scene);
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("</text><")));
}

constexpr const char* kDocument =
    R"svg(<svg xmlns="http://www.w3.org/2000/svg" width="100pt" height="50.13pt" )svg"
    R"svg(viewBox="0 0 100 50.13" role="img" font-family="Arial" font-size="7" fill="#1a1a1a">
<title>A &amp; B</title>
<desc>d</desc>
<rect x="0" y="0" width="100" height="50.13" fill="#ffffff"/>
<rect x="1" y="2" width="3" height="4.5" fill="#ff0010"/>
<g shape-rendering="crispEdges">
<rect x="0" y="0" width="1" height="1" fill="#000000"/>
</g>
<path d="M0 1L2 3" fill="none" stroke="#1a1a1a" stroke-width="0.6" stroke-linejoin="round"/>
<circle cx="5" cy="6" r="1" fill="#0000ff"/>
<text x="7" y="8" transform="rotate(-90 7 8)" text-anchor="end" font-weight="bold">t</text>
</svg>
)svg";

// The whole document, element by element.
TEST(FigureSvg, WritesEachItemAsAnElement) {
  Scene scene;
  scene.width = 100;
  scene.height = 50.13;
  scene.font = "Arial";
  scene.title = "A & B";
  scene.description = "d";
  scene.add(Rect{1, 2, 3, 4.5, {255, 0, 16}});
  scene.add(Cells{{{0, 0, 1, 1, {0, 0, 0}}}});
  scene.add(straight(0, 1, 2, 3));
  scene.add(Dot{5, 6, 1, {0, 0, 255}});
  scene.add(
      Text{.x = 7, .y = 8, .text = "t", .anchor = Anchor::end, .bold = true, .upright = true});
  EXPECT_EQ(svg_of(scene), kDocument);
}

// RFC 4648, section 10.
TEST(FigurePng, Base64HasThePublishedValues) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\x00"), "//4=");
}

TEST(FigurePng, BeginsWithSignatureAndHeader) {
  const std::string png = png_of(2, 1, std::string_view("\0\1", 2), {{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.substr(8, 21), std::string("\0\0\0\x0dIHDR\0\0\0\2\0\0\0\1\x08\x03\0\0\0", 21));
  EXPECT_THAT(png, HasSubstr("PLTE\1\2\3\4\5\6"));
  // The checksum of an empty IEND chunk, which every PNG ends with.
  EXPECT_EQ(png.substr(png.size() - 8), "IEND\xae\x42\x60\x82");
}

// DejaVu Sans by its file, Helvetica by Adobe's metrics, in thousandths: a 613 and 556, W 989 and
// 944, c 550 and 500, J 295 and 500.
TEST(FigureTextWidth, IsTheSumOfTheWiderOfThePublishedWidths) {
  EXPECT_DOUBLE_EQ(text_width("aWcJ", 10), 6.13 + 9.89 + 5.5 + 5.0);
  EXPECT_DOUBLE_EQ(text_width("本", 7), 7);
  EXPECT_DOUBLE_EQ(text_width("", 7), 0);
}

TEST(FigureTextWidth, ACutTextFitsAndSaysThatItIsCut) {
  const std::string text = "Nebuchadnezzar";
  EXPECT_EQ(cut_text(text, 7, 200), text);
  const std::string cut = cut_text(text, 7, 30);
  EXPECT_LE(text_width(cut, 7), 30);
  EXPECT_GT(text_width(cut, 7), 22);
  EXPECT_TRUE(cut.ends_with("…")) << cut;
  EXPECT_EQ(cut_text("本本本", 7, 15), "本…");
  EXPECT_EQ(cut_text(text, 7, 3), "");
}

TEST(FigureTextWidth, DifferentTextsStayDifferentWhenTheyAreCut) {
  const std::vector<std::string> texts{"blocks.10.attention.head.3", "blocks.10.attention.head.4",
                                       "blocks.10", "a completely different name of a component"};
  const std::vector<std::string> cut = cut_texts(texts, 7, 60);
  EXPECT_EQ(std::set<std::string>(cut.begin(), cut.end()).size(), texts.size());
  for (const std::string& text : cut) EXPECT_LE(text_width(text, 7), 60) << text;
  EXPECT_TRUE(cut[0].ends_with("3") && cut[1].ends_with("4"));
  EXPECT_EQ(cut[2], texts[2]);
  EXPECT_EQ(cut[3], cut_text(texts[3], 7, 60));
}

TEST(FigureTextWidth, TheFirstLetterDecidesTheDirection) {
  EXPECT_TRUE(is_right_to_left("·שלום"));
  EXPECT_TRUE(is_right_to_left("12 سلام"));
  EXPECT_FALSE(is_right_to_left("a שלום"));
  EXPECT_FALSE(is_right_to_left("·12,"));
}

}  // namespace
}  // namespace lensbench::figure
