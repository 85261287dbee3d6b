// Texts of strangers in figures, read back as a strict reader of XML does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "framework/report/page/placed_texts.hpp"
#include "fuzz/strict_html.hpp"
#include "report/figure/figure.hpp"
#include "report/figure/scene/scene.hpp"

namespace lensbench {
namespace {

using testing::came_back;
using testing::HostileText;
using testing::HostileTexts;
using testing::PlacedTexts;

/// Names of the elements of a part.
std::set<std::string> names_in(const fuzz::StrictHtml& part) {
  std::set<std::string> names;
  for (const std::string& tag : part.tags) names.insert(tag.substr(0, tag.find(' ')));
  return names;
}

/// An SVG as a strict reader of XML 1.0 reads it.
fuzz::StrictHtml read_svg(const std::string& svg) {
  for (const char c : svg)
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t')
        << "a control character, which XML does not allow";
  for (const char* character : {"\xef\xbf\xbe", "\xef\xbf\xbf"})
    EXPECT_EQ(svg.find(character), std::string::npos);
  EXPECT_NO_THROW(nlohmann::json(svg).dump()) << "not valid UTF-8";
  return fuzz::StrictHtml(svg);
}

TEST(HostileFigure, EveryTextOfASceneComesBack) {
  HostileTexts from(7);
  for (int i = 0; i < 1500; ++i) {
    const HostileText title = from.draw(), description = from.draw(), label = from.draw();
    figure::Scene scene;
    scene.width = scene.height = 10;
    scene.font = "Arial";
    scene.title = title.bytes;
    scene.description = description.bytes;
    scene.add(figure::Text{.x = 1, .y = 2, .text = label.bytes});
    const fuzz::StrictHtml found = read_svg(figure::svg_of(scene));
    ASSERT_EQ(found.tags.size(), 5U);  // svg, title, desc, rect, text
    std::vector<std::string> texts;
    for (const std::string& text : found.texts)
      if (text != "\n") texts.push_back(text);
    ASSERT_EQ(texts.size(), 3U) << i;
    EXPECT_TRUE(came_back(texts[0], title.bytes, title.in_markup)) << title.bytes;
    EXPECT_TRUE(came_back(texts[1], description.bytes, description.in_markup)) << i;
    EXPECT_TRUE(came_back(texts[2], label.bytes, label.in_markup)) << label.bytes;
  }
}

// Texts are made visible and cut, so that only the elements can be compared.
TEST(HostileFigure, OfHostileResultsHasTheElementsOfFiguresAlone) {
  const std::set<std::string> known = {"svg", "title", "desc", "rect",
                                       "g",   "path",  "text", "circle"};
  const std::set<figure::Kind> kinds = {figure::Kind::heatmap, figure::Kind::lines,
                                        figure::Kind::bars};
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    PlacedTexts texts(seed);
    const Dataset data = testing::result_with(texts);
    for (const char* variable : {"target_probability", "concept_score"})
      for (const figure::Kind kind : kinds) {
        SCOPED_TRACE(std::to_string(seed) + " " + variable + " " + figure::to_string(kind));
        const std::string number = std::to_string(static_cast<int>(kind)) + variable;
        const figure::Figure drawn = figure::draw(
            data,
            {.variable = variable,
             .dataset = texts.at("dataset" + number),
             .kind = kind,
             .case_id = texts.at("case" + number),
             .facts = {{"command", texts.at("command" + number)}}},
            [&](std::int64_t id) { return texts.at("id" + number + std::to_string(id)); });
        EXPECT_THAT(known, ::testing::IsSupersetOf(names_in(read_svg(drawn.svg))));
        // Characters that turn the direction of a text would move what follows them.
        for (const char* turning : {"\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u2028"})
          EXPECT_EQ(drawn.svg.find(turning), std::string::npos);
      }
  }
}

}  // namespace
}  // namespace lensbench
