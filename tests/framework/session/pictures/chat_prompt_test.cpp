#include "session/pictures/chat_prompt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "core/text/json.hpp"
#include "support/error_matchers.hpp"
#include "support/picture_samples.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

const std::string kPicture = "<|vision_start|><|image_pad|><|vision_end|>";

std::string chat(const std::string& words, std::size_t pictures, const std::string& prefix = "") {
  return chat_prompt(words, pictures, prefix, "case 'a'");
}

// The texts that transformers made with the template.
TEST(ChatPrompt, IsTheTextOfTransformers) {
  const auto prompts = read_json(testing::picture_data() + "/prompts.json");
  ASSERT_EQ(prompts.size(), 3u);
  for (const auto& [name, one] : prompts.items())
    EXPECT_EQ(chat(one["prompt"], one["pictures"].size(), one["answer_prefix"]), one["text"])
        << name;
}

TEST(ChatPrompt, HasItsPicturesBeforeWordsWithoutAMark) {
  EXPECT_THAT(chat("words", 2), HasSubstr("user\n" + kPicture + kPicture + "words<|im_end|>"));
}

TEST(ChatPrompt, HasItsPicturesWhereTheMarksAre) {
  EXPECT_THAT(chat("a{image}b {image}", 2),
              HasSubstr("user\na" + kPicture + "b " + kPicture + "<|im_end|>"));
}

TEST(ChatPrompt, NeedsAMarkForEachPictureOrNone) {
  EXPECT_THAT(
      message_of<UsageError>([] { chat("{image} and {image}", 1); }),
      AllOf(HasSubstr("case 'a'"), HasSubstr("2 marks {image}"), HasSubstr("1 picture is")));
  EXPECT_THAT(message_of<UsageError>([] { chat("{image}", 3); }),
              AllOf(HasSubstr("1 mark {image}"), HasSubstr("3 pictures are")));
}

class ChatTemplate : public ::testing::Test {
 protected:
  const std::string known =
      read_json(testing::picture_model() + "/tokenizer_config.json")["chat_template"];
  std::string refusal() {
    return message_of<InputError>([&] { require_known_template(folder.path()); });
  }
  testing::TempDir folder;
};

TEST_F(ChatTemplate, IsKnownInEachOfItsFiles) {
  EXPECT_NO_THROW(require_known_template(testing::picture_model()));
  const nlohmann::json field = {{"chat_template", known}};
  folder.write("tokenizer_config.json", field.dump());
  EXPECT_NO_THROW(require_known_template(folder.path()));
  folder.write("tokenizer_config.json", "{}");
  folder.write("chat_template.json", field.dump());
  EXPECT_NO_THROW(require_known_template(folder.path()));
  folder.write("chat_template.json", R"({"chat_template": "other"})");
  // The file that transformers takes first; editors end it with a line break.
  folder.write("chat_template.jinja", known + "\n");
  EXPECT_NO_THROW(require_known_template(folder.path()));
}

TEST_F(ChatTemplate, IsTheDefaultOneOfAList) {
  const nlohmann::json list = {
      {"chat_template",
       {{{"name", "tools"}, {"template", "other"}}, {{"name", "default"}, {"template", known}}}}};
  folder.write("tokenizer_config.json", list.dump());
  EXPECT_NO_THROW(require_known_template(folder.path()));
}

TEST_F(ChatTemplate, IsNotGuessedWhereItIsAnotherOrMissing) {
  EXPECT_THAT(refusal(), AllOf(HasSubstr("lacks a chat template"), HasSubstr("--raw-prompt")));
  folder.write("chat_template.jinja", known + "{# more #}");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("chat_template.jinja"), HasSubstr("differs"),
                               HasSubstr("--raw-prompt")));
}

}  // namespace
}  // namespace lensbench
