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

/// Fields of each case that say something about pictures, as `images|raw_prompt|answer_prefix`.
std::vector<std::string> pictures_of(const std::vector<CaseInput>& cases) {
  std::vector<std::string> found;
  for (const CaseInput& input : cases) {
    std::string text;
    for (const char* name : {"images", "raw_prompt", "answer_prefix"})
      text += (text.empty() ? "" : "|") +
              (input.fields.contains(name) ? input.fields.at(name) : std::string("-"));
    found.push_back(text);
  }
  return found;
}

TEST(GivenCases, HaveThePicturesOfTheCommandLineOrTheirOwn) {
  const TempDir folder;
  const auto file =
      folder.write("p.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\", \"images\": \"c.png\"}\n");
  const auto cases = read_cases({"first"}, {}, file, {.images = {"x.png", "y.png"}});
  EXPECT_THAT(pictures_of(cases),
              ElementsAre(R"(["x.png","y.png"]|-|-)", R"(["x.png","y.png"]|-|-)",
                          "[\"" + (folder / "c.png").string() + "\"]|-|-"));
}

TEST(GivenCases, KeepRawPromptsAndTheBeginningOfTheAnswerAsFields) {
  const auto raw = read_cases({"a"}, {}, "", {.raw_prompts = {"b"}});
  EXPECT_THAT(ids_of(raw), ElementsAre("prompt-1", "raw-prompt-1"));
  EXPECT_THAT(pictures_of(raw), ElementsAre("-|-|-", "-|true|-"));
  EXPECT_THAT(pictures_of(read_cases({"a"}, {}, "", {.images = {"x"}, .answer_prefix = "An"})),
              ElementsAre(R"(["x"]|-|An)"));
}

TEST(GivenCases, RefusePicturesWithoutATextForThem) {
  const auto refusal = [](const std::vector<std::string>& prompts,
                          const std::vector<std::string>& ids, const PictureArguments& pictures) {
    return message_of<UsageError>([&] { read_cases(prompts, ids, "", pictures); });
  };
  EXPECT_THAT(refusal({}, {}, {.images = {"x"}}), HasSubstr("--image needs a text"));
  EXPECT_THAT(refusal({}, {"1 2"}, {.images = {"x"}}), HasSubstr("case 'ids-1'"));
  EXPECT_THAT(refusal({"a"}, {}, {.answer_prefix = "An"}), HasSubstr("--answer-prefix"));
  EXPECT_THAT(refusal({}, {}, {.images = {"x"}, .raw_prompts = {"a"}, .answer_prefix = "An"}),
              HasSubstr("write it at the end of the text"));
  EXPECT_THAT(refusal({}, {}, {.raw_prompts = {""}}), HasSubstr("--raw-prompt is empty"));
}

TEST(GivenCases, AreThePicturesOfAFolder) {
  const TempDir folder;
  for (const char* name : {"b.png", "a.png", "notes.txt"}) folder.write(name, "");
  folder.write("labels.csv", "file,label\na.png,eye\n");
  const GivenCases given = given_cases({"What?"}, {}, "", {.folder = folder.path().string()});
  EXPECT_THAT(ids_of(given.cases), ElementsAre("a.png", "b.png"));
  EXPECT_EQ(given.cases[0].text, "What?");
  EXPECT_EQ(given.cases[0].fields.at("label"), "eye");
  ASSERT_EQ(given.inputs.size(), 1u);
  EXPECT_EQ(given.inputs[0].name, "labels.csv");
  EXPECT_THAT(note_on_left_out(given), HasSubstr("'notes.txt'"));
  for (const PictureArguments& wrong :
       {PictureArguments{.images = {"x"}, .folder = folder.path().string()},
        PictureArguments{.raw_prompts = {"x"}, .folder = folder.path().string()}})
    EXPECT_THAT(message_of<UsageError>([&] { given_cases({"What?"}, {}, "", wrong); }),
                HasSubstr("needs one --prompt or --raw-prompt"));
}

TEST(GivenCases, HaveDifferentIds) {
  const TempDir folder;
  const auto file = folder.write("prompts.jsonl", "{\"text\": \"a\", \"id\": \"prompt-1\"}\n");
  EXPECT_THAT(message_of<UsageError>([&] { read_cases({"b"}, {}, file); }),
              HasSubstr("two cases have the id 'prompt-1'"));
}

}  // namespace
}  // namespace lensbench::cli
