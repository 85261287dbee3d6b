#include "vision_lens/concepts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/embedded_model.hpp"

namespace lensbench::vision_lens {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    token_sets(*Model::open(testing::kModel), parse_concepts(text));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "not refused";
}

TEST(Concepts, AreSeparatedByCommasAndTheirFormsByBars) {
  EXPECT_EQ(
      parse_concepts("eye=Ġeye| eyes,cat,7|8"),
      (std::vector<Concept>{{"eye", {"Ġeye", " eyes"}}, {"cat", {"cat"}}, {"7", {"7", "8"}}}));
  EXPECT_TRUE(parse_concepts("").empty());
}

TEST(Concepts, TheSignOfNamesMayBeAForm) {
  EXPECT_EQ(parse_concepts("="), (std::vector<Concept>{{"=", {"="}}}));
  EXPECT_EQ(parse_concepts("equals=="), (std::vector<Concept>{{"equals", {"="}}}));
}

TEST(Concepts, EmptyFormsAreRefused) {
  EXPECT_THAT(refusal("eye=Ġeye|"), HasSubstr("'eye=Ġeye|' has an empty form"));
  EXPECT_THAT(refusal("a,,b"), HasSubstr("'' has an empty form"));
}

TEST(Concepts, TextsAreReadAsTheyAreWritten) {
  const auto model = Model::open(testing::kModel);
  const std::int64_t with_space = to_single_token(*model, " God");
  const auto sets =
      token_sets(*model, parse_concepts("a= God,b=ĠGod," + std::to_string(with_space)));
  ASSERT_EQ(sets.size(), 3u);
  for (const TokenSet& set : sets) {
    ASSERT_EQ(set.tokens.size(), 1u);
    EXPECT_EQ(set.tokens.front().id, with_space);
    EXPECT_EQ(set.tokens.front().text, " God");
    EXPECT_FALSE(set.tokens.front().begins_form);
  }
}

TEST(Concepts, ATextOfSeveralTokensStandsForItsFirstOneAndSaysSo) {
  const auto model = Model::open(testing::kModel);
  const std::string text = " Godliness";
  const auto ids = model->tokenizer()->encode(text, false).ids;
  ASSERT_GT(ids.size(), 1u);
  const auto sets = token_sets(*model, parse_concepts(text));
  EXPECT_EQ(sets.front().tokens.front().id, ids.front());
  EXPECT_TRUE(sets.front().tokens.front().begins_form);
}

TEST(Concepts, EachTokenCountsOnce) {
  const auto sets = token_sets(*Model::open(testing::kModel), parse_concepts("x=9|4|9"));
  ASSERT_EQ(sets.front().tokens.size(), 2u);
  EXPECT_EQ(sets.front().tokens[0].id, 4);
  EXPECT_EQ(sets.front().tokens[1].id, 9);
}

TEST(Concepts, AFirstTokenThatSaysNothingIsRefused) {
  EXPECT_THAT(refusal("x=眼底"), HasSubstr("is a part of a character"));
}

}  // namespace
}  // namespace lensbench::vision_lens
