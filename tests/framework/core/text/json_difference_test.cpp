#include "core/text/json_difference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/text/utf8.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

TEST(DiffFacts, FindsNothingBetweenEqualValues) {
  const json value = {{"a", {1, 2}}, {"b", nullptr}};
  EXPECT_TRUE(diff_facts(value, value).empty());
}

TEST(DiffFacts, NamesEachMemberByItsPath) {
  const json first = {{"top_k", 3}, {"model", {{"name", "a"}, {"bytes", 1}}}, {"gone", true}};
  const json second = {{"top_k", 5}, {"model", {{"name", "b"}, {"bytes", 1}}}, {"added", {1}}};
  const auto facts = diff_facts(first, second, "request");
  ASSERT_EQ(facts.size(), 4u);
  EXPECT_EQ(facts[0].where, "request/added");
  EXPECT_EQ(facts[0].first, "");
  EXPECT_EQ(facts[0].second, "[1]");
  EXPECT_EQ(facts[1].where, "request/gone");
  EXPECT_EQ(facts[1].first, "true");
  EXPECT_EQ(facts[1].second, "");
  EXPECT_EQ(facts[2].where, "request/model/name");
  EXPECT_EQ(facts[2].second, "\"b\"");
  EXPECT_EQ(facts[3].where, "request/top_k");
}

TEST(DiffFacts, ShortensLongTextBetweenCharacters) {
  for (std::size_t before = 70; before < 90; ++before) {
    const std::string text = std::string(before, 'a') + "\xE2\x96\x81" + std::string(40, 'b');
    const auto facts = diff_facts(text, "other");
    ASSERT_EQ(facts.size(), 1u);
    EXPECT_TRUE(is_valid_utf8(facts[0].first)) << before;
    EXPECT_LT(facts[0].first.size(), 90u);
  }
}

}  // namespace
}  // namespace lensbench
