#include "session/prompts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::Not;
using ::testing::Pair;

class PromptFile : public ::testing::Test {
 protected:
  std::vector<CaseInput> lines(const std::string& text) {
    return read_prompt_file(folder.write("prompts.txt", text));
  }
  std::vector<CaseInput> json_lines(const std::string& text) {
    return read_prompt_file(folder.write("prompts.jsonl", text));
  }
  std::string refusal(const std::string& text) {
    return message_of<InputError>([&] { json_lines(text); });
  }

  testing::TempDir folder;
};

TEST_F(PromptFile, HasAPromptALine) {
  const auto cases = lines("And God said\n the second \n");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].text, "And God said");
  EXPECT_EQ(cases[1].text, " the second ");  // blanks are part of a prompt
  EXPECT_THAT(cases[0].ids, IsEmpty());
  EXPECT_THAT(cases[0].fields, IsEmpty());
}

TEST_F(PromptFile, NumbersCasesByTheirLineThoughEmptyOnesArePassedOver) {
  const auto cases = lines("a\n\n\nb\n");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].id, "line-1");
  EXPECT_EQ(cases[1].id, "line-4");
}

TEST_F(PromptFile, MayEndLinesAsWindowsDoesAndTheLastNotAtAll) {
  const auto cases = lines("a\r\n\r\nb c");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].text, "a");
  EXPECT_EQ(cases[1].text, "b c");
  EXPECT_EQ(cases[1].id, "line-3");
}

TEST_F(PromptFile, TakesBracesForTextWhereItsNameDoesNotSayJson) {
  EXPECT_EQ(lines("{\"text\": \"a\"}\n")[0].text, "{\"text\": \"a\"}");
}

TEST_F(PromptFile, OfJsonHasTextsOrIdsWithIdAndOtherFields) {
  const auto cases = json_lines(
      "{\"text\": \"And\", \"id\": \"first\", \"target\": \" God\"}\r\n"
      "\n"
      "{\"prompt\": \"But\"}\n"
      "{\"ids\": [5, 0, 7], \"id\": 12, \"weight\": 0.5, \"tags\": [\"a\"], \"on\": true}\n");
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_EQ(cases[0].text, "And");
  EXPECT_EQ(cases[0].id, "first");
  EXPECT_THAT(cases[0].fields, ElementsAre(Pair("target", " God")));
  EXPECT_EQ(cases[1].text, "But");
  EXPECT_EQ(cases[1].id, "line-3");
  EXPECT_THAT(cases[2].ids, ElementsAre(5, 0, 7));
  EXPECT_EQ(cases[2].id, "12");
  // A value that is not a string is kept as its JSON text.
  EXPECT_THAT(cases[2].fields,
              ElementsAre(Pair("on", "true"), Pair("tags", "[\"a\"]"), Pair("weight", "0.5")));
}

TEST_F(PromptFile, IsOfJsonByAnyOfTheUsualEndingsInAnyCase) {
  for (const char* name : {"a.jsonl", "a.JSONL", "a.JsonL", "a.ndjson", "a.NDJSON"}) {
    const auto cases = read_prompt_file(folder.write(name, "{\"text\": \"And\"}\n"));
    EXPECT_EQ(cases.at(0).text, "And") << name;
  }
}

TEST_F(PromptFile, OfJsonHasTextsWhereTextsAreRead) {
  for (const std::string field : {"corrupted", "target", "answer_prefix"})
    for (const std::string value : {"[\"In\",\" a\"]", "{\"a\":1}"})
      EXPECT_THAT(refusal("{\"text\": \"a\", \"" + field + "\": " + value + "}\n"),
                  HasSubstr("prompts.jsonl:1: '" + field + "' is " + value + "; expected a text"));
}

TEST_F(PromptFile, SaysInWordsWhatIsNotJson) {
  for (const auto& [line, fault] :
       std::map<std::string, std::string>{{R"({"text": NaN})", "NaN at byte 10"},
                                          {R"({"weight": -Infinity})", "-Infinity at byte 12"},
                                          {R"({"text": "\ud800 a"})", "half of a surrogate pair"},
                                          {R"({"text": "\udc00"})", "half of a surrogate pair"},
                                          {"{\"text\": \"a\tb\"}", "control character"},
                                          {R"({"text": "a")", "ends too early"},
                                          {R"({"text": 'a'})", "''' at byte 10 is not expected"},
                                          {R"({"weight": 1e999})", "1e999 is too large"}}) {
    const std::string message = refusal(line + "\n");
    EXPECT_THAT(message, AllOf(HasSubstr("prompts.jsonl:1: not valid JSON"), HasSubstr(fault)));
    EXPECT_THAT(message, Not(HasSubstr("json.exception"))) << line;
  }
}

TEST_F(PromptFile, IsNotAGitLfsPointer) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  for (const char* name : {"prompts.txt", "prompts.jsonl"})
    EXPECT_THAT(message_of<InputError>([&] { read_prompt_file(folder.write(name, pointer)); }),
                AllOf(HasSubstr(name), HasSubstr("git lfs pull")));
}

TEST_F(PromptFile, OfJsonHasPicturesRelativeToItsFolder) {
  const auto cases = json_lines(
      "{\"text\": \"a\", \"images\": \"b.png\"}\n"
      "{\"raw_prompt\": \"c\", \"images\": [\"/d.png\", \"e/f.png\"]}\n");
  EXPECT_THAT(cases[0].fields,
              ElementsAre(Pair("images", "[\"" + (folder / "b.png").string() + "\"]")));
  EXPECT_EQ(cases[1].text, "c");
  EXPECT_THAT(cases[1].fields,
              ElementsAre(Pair("images", "[\"/d.png\",\"" + (folder / "e/f.png").string() + "\"]"),
                          Pair("raw_prompt", "true")));
  for (const char* images : {"5", "[]", "[\"\"]", "[1]", "\"\"", "{}"})
    EXPECT_THAT(refusal("{\"text\": \"a\", \"images\": " + std::string(images) + "}\n"),
                HasSubstr("prompts.jsonl:1: 'images' is " + std::string(images)));
  EXPECT_THAT(refusal("{\"text\": \"a\", \"raw_prompt\": \"b\"}\n"), HasSubstr("has both"));
}

TEST_F(PromptFile, OfJsonHasNoFieldWhereTheValueIsNull) {
  const auto cases = json_lines("{\"text\": \"a\", \"answer\": null, \"id\": null}\n");
  EXPECT_THAT(cases.at(0).fields, IsEmpty());
  EXPECT_EQ(cases.at(0).id, json_lines("{\"text\": \"a\"}\n").at(0).id);
}

TEST_F(PromptFile, NamesFileAndLineOfWhatIsNoCase) {
  const std::string good = "{\"text\": \"a\"}\n\n";
  for (const auto& [line, problem] : std::map<std::string, std::string>{
           {"{\"text\": ", ""},
           {"[1, 2]", "expected one JSON object"},
           {"{\"text\": 5}", "'text' is not a string"},
           {"{\"text\": \"a\", \"prompt\": \"b\"}", "both 'text' and 'prompt'"},
           {"{\"text\": \"a\", \"text\": \"b\"}", "text"},
           {"{\"ids\": 5}", "'ids' is not an array of numbers"},
           {"{\"ids\": [1, 2.5]}", "'ids' holds 2.5"},
           {"{\"ids\": [1, \"2\"]}", "'ids' holds \"2\""},
           {"{\"text\": \"a\", \"ids\": [1]}", "needs either 'text' or 'ids'"},
           {"{\"id\": \"a\"}", "needs either 'text' or 'ids'"},
           {"{\"text\": \"\"}", "needs either 'text' or 'ids'"},
           {"{\"ids\": []}", "needs either 'text' or 'ids'"},
           {"{\"text\": \"\xff\"}", ""}})
    EXPECT_THAT(refusal(good + line + "\n"),
                AllOf(HasSubstr("prompts.jsonl:3"), HasSubstr(problem)))
        << line;
}

TEST_F(PromptFile, StartsWithoutAByteOrderMark) {
  for (const char* name : {"marked.txt", "marked.jsonl"})
    EXPECT_THAT(
        message_of<InputError>(
            [&] { read_prompt_file(folder.write(name, "\xef\xbb\xbf{\"text\": \"a\"}\n")); }),
        AllOf(HasSubstr(std::string(name) + ":1"), HasSubstr("byte order mark"), HasSubstr("sed")));
}

TEST_F(PromptFile, MayHoldAByteOrderMarkElsewhere) {
  EXPECT_EQ(lines("a\n\xef\xbb\xbf\n")[1].text, "\xef\xbb\xbf");
}

TEST_F(PromptFile, IsNotUtf16) {
  using namespace std::string_literals;
  for (const std::string& text : {"\xff\xfe"s + "a\0\n\0"s, "\xfe\xff"s + "\0a\0\n"s, "a\0\n\0"s})
    EXPECT_THAT(message_of<InputError>([&] { lines(text); }),
                AllOf(HasSubstr("prompts.txt:1"), HasSubstr("UTF-16"), HasSubstr("iconv")));
}

TEST_F(PromptFile, NamesTheLineAndByteOfLatin1) {
  EXPECT_THAT(message_of<InputError>([&] { lines("caf\xc3\xa9\n\ncaf\xe9 au lait\n"); }),
              AllOf(HasSubstr("prompts.txt:3"), HasSubstr("byte 4"), HasSubstr("LATIN1")));
}

TEST_F(PromptFile, IsNotAJsonDocument) {
  for (const char* name : {"prompts.json", "prompts.JSON"})
    EXPECT_THAT(message_of<InputError>([&] { read_prompt_file(folder.write(name, "[\"a\"]\n")); }),
                AllOf(HasSubstr(name), HasSubstr(".jsonl"), HasSubstr("jq")));
}

TEST_F(PromptFile, IsNotATable) {
  for (const char* name : {"prompts.csv", "prompts.tsv", "prompts.CSV", "prompts.Tsv"})
    EXPECT_THAT(message_of<InputError>([&] { read_prompt_file(folder.write(name, "text\na\n")); }),
                AllOf(HasSubstr(name), HasSubstr("table"), HasSubstr(".txt")));
}

TEST_F(PromptFile, HoldsAtLeastOnePrompt) {
  EXPECT_THAT(message_of<InputError>([&] { lines("\n\r\n\n"); }),
              AllOf(HasSubstr("prompts.txt"), HasSubstr("lacks prompts")));
}

TEST_F(PromptFile, IsAFileThatCanBeRead) {
  EXPECT_THAT(message_of<InputError>([&] { read_prompt_file(folder / "none.txt"); }),
              AllOf(HasSubstr("none.txt"), HasSubstr("does not exist; give the path of a file")));
  EXPECT_THAT(message_of<InputError>([&] { read_prompt_file(folder.path()); }),
              HasSubstr("is a folder, expected a file of prompts; give the path of a file in it"));
}

TEST_F(PromptFile, IsNoPipeSinceItsDigestIsRecorded) {
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(message_of<InputError>([&] { read_prompt_file(folder / "pipe"); }),
              HasSubstr("can be read only once"));
}

}  // namespace
}  // namespace lensbench
