#include "serve/question.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"

namespace lensbench::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Pair;

class QuestionTest : public ::testing::Test {
 protected:
  QuestionTest() {
    tool.name = "logit_lens";
    tool.parameters = {parameter("top_k", ParameterType::integer),
                       parameter("facts", ParameterType::file)};
  }
  static ParameterInfo parameter(const char* name, ParameterType type) {
    ParameterInfo info;
    info.name = name;
    info.type = type;
    return info;
  }
  Question read(const std::string& body) const { return read_question(body, {&tool}); }
  std::string problem(const std::string& body) const {
    return message_of<Error>([&] { read(body); });
  }

  PluginInfo tool{};
};

TEST_F(QuestionTest, HasToolPromptAndParameters) {
  const Question question = read(
      R"({"tool": "logit_lens", "prompt": "In the\nbeginning", "parameters": {"top_k": "3"}})");
  EXPECT_EQ(question.tool, "logit_lens");
  EXPECT_EQ(question.prompt, "In the\nbeginning");
  EXPECT_THAT(question.parameters, ElementsAre(Pair("top_k", "3")));
  EXPECT_TRUE(read(R"({"tool": "logit_lens", "prompt": "a"})").parameters.empty());
}

TEST_F(QuestionTest, RefusesWhatIsNotAQuestion) {
  for (const char* body :
       {"", "{", "[]", "null", "7", R"({"tool": "logit_lens"})", R"({"prompt": "a"})",
        R"({"tool": 7, "prompt": "a"})", R"({"tool": "logit_lens", "prompt": ["a"]})",
        R"({"tool": "logit_lens", "prompt": "a", "tool": "logit_lens"})",
        R"({"tool": "logit_lens", "prompt": "a", "parameters": []})",
        R"({"tool": "logit_lens", "prompt": "a", "parameters": {"top_k": 3}})",
        R"({"tool": "logit_lens", "prompt": "a", "x": {"a": {"b": {"c": {"d": 1}}}}})",
        "{\"tool\": \"logit_lens\", \"prompt\": \"\xff\"}"})
    EXPECT_THROW(read(body), InputError) << body;
  EXPECT_THAT(problem(R"({"tool": "logit_lens", "prompts": "a"})"), HasSubstr("'prompt'"));
}

TEST_F(QuestionTest, RefusesAnEmptyPromptAndOneWithNul) {
  EXPECT_THAT(problem(R"({"tool": "logit_lens", "prompt": ""})"), HasSubstr("empty"));
  EXPECT_THAT(problem(R"({"tool": "logit_lens", "prompt": "a\u0000b"})"), HasSubstr("NUL"));
}

TEST_F(QuestionTest, NamesNearToolsAndParameters) {
  EXPECT_THAT(problem(R"({"tool": "logit_lense", "prompt": "a"})"), HasSubstr("'logit_lens'"));
  EXPECT_THAT(problem(R"({"tool": "logit_lens", "prompt": "a", "parameters": {"top_p": "1"}})"),
              HasSubstr("'top_k'"));
}

TEST_F(QuestionTest, CannotNameFilesOfThisMachine) {
  EXPECT_THAT(
      problem(R"({"tool": "logit_lens", "prompt": "a", "parameters": {"facts": "/etc/passwd"}})"),
      HasSubstr("names a file or a model"));
}

}  // namespace
}  // namespace lensbench::serve
