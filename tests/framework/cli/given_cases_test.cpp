#include "cli/commands/given_cases.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::cli {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> ids_of(const std::vector<CaseInput>& cases) {
  std::vector<std::string> ids;
  for (const CaseInput& input : cases) ids.push_back(input.id);
  return ids;
}

TEST(GivenCases, AreTextsThenIdsThenLinesOfTheFile) {
  const TempDir folder;
  const auto file = folder.write("prompts.txt", "third\n\nfourth\n");
  const auto cases = read_cases({"first", "second"}, {"5 6"}, file);
  EXPECT_THAT(ids_of(cases), ElementsAre("prompt-1", "prompt-2", "ids-1", "line-1", "line-3"));
  EXPECT_EQ(cases[1].text, "second");
  EXPECT_THAT(cases[2].ids, ElementsAre(5, 6));
  EXPECT_EQ(cases[2].text, "");
  EXPECT_EQ(cases[4].text, "fourth");
}

TEST(GivenCases, TakeIdsSeparatedByBlanksOrCommas) {
  EXPECT_THAT(read_cases({}, {" 1 2\t3 "}, "")[0].ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(read_cases({}, {"1, 2, 3"}, "")[0].ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(read_cases({}, {"1,2,3"}, "")[0].ids, ElementsAre(1, 2, 3));
}

TEST(GivenCases, NameWhatIsNoTokenId) {
  for (const char* text : {"1 two 3", "1.5", "1,,3", "99999999999999999999"})
    EXPECT_THAT(
        message_of<UsageError>([&] { read_cases({}, {text}, ""); }),
        AllOf(HasSubstr("--ids '" + std::string(text) + "'"), HasSubstr("is not a token id")));
  EXPECT_THAT(message_of<UsageError>([] { read_cases({}, {"1 two 3"}, ""); }), HasSubstr("'two'"));
}

TEST(GivenCases, RefuseACommaAlone) {
  EXPECT_THAT(message_of<UsageError>([] { read_cases({}, {"1 , 2"}, ""); }),
              HasSubstr("is not a token id"));
}

TEST(GivenCases, RefuseEmptyPromptsAndIds) {
  EXPECT_THAT(message_of<UsageError>([] { read_cases({""}, {}, ""); }),
              HasSubstr("--prompt is empty"));
  for (const char* text : {"", "  "})
    EXPECT_THAT(message_of<UsageError>([&] { read_cases({}, {text}, ""); }),
                HasSubstr("--ids is empty"));
}

TEST(GivenCases, SayHowToGiveOneWhereThereIsNone) {
  EXPECT_TRUE(read_cases({}, {}, "").empty());
  EXPECT_THAT(message_of<UsageError>([] { required_cases({}, true); }),
              AllOf(HasSubstr("--prompt TEXT"), HasSubstr("--prompts FILE"), HasSubstr("--ids")));
}

TEST(GivenCases, AreOneWithoutAPromptWhereTheRunReadsNone) {
  const auto cases = required_cases({}, false);
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].id, "weights");
  EXPECT_TRUE(cases[0].text.empty() && cases[0].ids.empty());
  EXPECT_EQ(required_cases({{"one", "And", {}, {}}}, false)[0].id, "one");
}

TEST(GivenCases, HaveDifferentIds) {
  const TempDir folder;
  const auto file = folder.write("prompts.jsonl", "{\"text\": \"a\", \"id\": \"prompt-1\"}\n");
  EXPECT_THAT(message_of<UsageError>([&] { read_cases({"b"}, {}, file); }),
              HasSubstr("two cases have the id 'prompt-1'"));
}

}  // namespace
}  // namespace lensbench::cli
