// Settings of a tokenizer folder that are refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

json stored() {
  return {
      {"added_tokens", {{{"id", 3}, {"content", "<x>"}, {"special", true}, {"normalized", false}}}},
      {"model",
       {{"type", "BPE"},
        {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}},
        {"merges", json::array({json::array({"a", "b"})})}}}};
}

/// Message of the refusal of a tokenizer.json with these settings; empty if it opens.
std::string refusal(const json& settings, const json& tokenizer = stored(),
                    const json& model = json::object()) {
  const TempDir folder;
  folder.write("tokenizer.json", tokenizer.dump());
  folder.write("tokenizer_config.json", settings.dump());
  folder.write("config.json", model.dump());
  return message_of<InputError>([&] { Tokenizer::open(folder.path()); });
}

auto names(const char* field, const char* found) {
  return AllOf(HasSubstr("tokenizer_config.json"), HasSubstr(field), HasSubstr(found));
}

TEST(TokenizerRefusal, NamesAClassThatBuildsByRulesOfItsOwn) {
  EXPECT_THAT(refusal({{"tokenizer_class", "DebertaV2TokenizerFast"}}),
              AllOf(names("tokenizer_class", "DebertaV2Tokenizer"), HasSubstr("save")));
}

TEST(TokenizerRefusal, NamesTheClassThatAModelTypeRequires) {
  EXPECT_THAT(refusal(json::object(), stored(), {{"model_type", "deberta-v2"}}),
              names("tokenizer_class", "DebertaV2Tokenizer"));
}

TEST(TokenizerRefusal, NamesAClassThatNeedsAModelOfAnotherType) {
  EXPECT_THAT(refusal({{"tokenizer_class", "BertTokenizer"}}),
              AllOf(names("tokenizer_class", "WordPiece"), HasSubstr("BPE")));
}

TEST(TokenizerRefusal, NamesAClassThatTheFolderBringsAsCode) {
  EXPECT_THAT(refusal({{"auto_map", {{"AutoTokenizer", {"own.OwnTokenizer", nullptr}}}}}),
              names("auto_map", "not run"));
}

TEST(TokenizerRefusal, NamesAReplacedSplitPattern) {
  EXPECT_THAT(refusal({{"fix_mistral_regex", true}}), names("fix_mistral_regex", "pattern"));
}

TEST(TokenizerRefusal, NamesAFileThatTakesThePlaceOfTokenizerJson) {
  EXPECT_THAT(refusal({{"fast_tokenizer_files", {"tokenizer.4.0.0.json"}}}),
              names("fast_tokenizer_files", "tokenizer.4.0.0.json"));
}

TEST(TokenizerRefusal, NamesUnnamedArgumentsOfTheClass) {
  EXPECT_THAT(refusal({{"init_inputs", {"a"}}}), names("init_inputs", "unnamed"));
}

TEST(TokenizerRefusal, NamesAVocabularyInTheSettings) {
  EXPECT_THAT(refusal({{"vocab", {{"a", 0}}}}), names("vocab", "tokenizer.json"));
}

TEST(TokenizerRefusal, NamesARoleThatTheFrameOfAClassNeeds) {
  EXPECT_THAT(refusal({{"tokenizer_class", "RobertaTokenizer"}, {"cls_token", nullptr}}),
              names("cls_token", "null"));
}

TEST(TokenizerRefusal, NamesNewTokensWhoseOrderIsUnknown) {
  EXPECT_THAT(refusal({{"image_token", "<i>"}, {"audio_token", "<j>"}}),
              AllOf(names("<i>", "<j>"), HasSubstr("added_tokens_decoder")));
}

TEST(TokenizerRefusal, NamesAListedIdThatIsNotANumber) {
  EXPECT_THAT(refusal({{"added_tokens_decoder", {{"x", {{"content", "<y>"}}}}}}),
              names("added_tokens_decoder", "\"x\""));
}

TEST(TokenizerRefusal, NamesATokenThatIsListedForTwoIds) {
  const json token = {{"content", "<y>"}, {"special", true}};
  EXPECT_THAT(refusal({{"added_tokens_decoder", {{"4", token}, {"5", token}}}}),
              names("added_tokens_decoder", "<y>"));
}

TEST(TokenizerRefusal, NamesASettingOfTheWrongType) {
  EXPECT_THAT(refusal({{"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", "yes"}}),
              names("add_prefix_space", "yes"));
}

TEST(TokenizerRefusal, NamesATokenOfWhichNormalizationLeavesNothing) {
  json tokenizer = stored();
  tokenizer["normalizer"] = {
      {"type", "Replace"}, {"pattern", {{"String", "<x>"}}}, {"content", ""}};
  tokenizer["added_tokens"][0]["normalized"] = true;
  EXPECT_THAT(refusal(json::object(), tokenizer), AllOf(HasSubstr("<x>"), HasSubstr("normalized")));
}

TEST(TokenizerRefusal, NamesTokensThatNormalizationMakesEqual) {
  json tokenizer = stored();
  tokenizer["normalizer"] = {{"type", "Lowercase"}};
  tokenizer["added_tokens"][0]["normalized"] = true;
  tokenizer["added_tokens"].push_back({{"id", 4}, {"content", "<X>"}, {"normalized", true}});
  EXPECT_THAT(refusal(json::object(), tokenizer), AllOf(HasSubstr("<x>"), HasSubstr("<X>")));
}

TEST(TokenizerRefusal, NamesANewTokenThatWouldTakeAnIdOfTheVocabulary) {
  json tokenizer = stored();
  tokenizer["model"]["vocab"]["b"] = 3;  // a hole at 1
  tokenizer["model"]["merges"] = json::array();
  tokenizer["added_tokens"] = json::array();
  EXPECT_THAT(refusal({{"eos_token", "<y>"}}, tokenizer),
              AllOf(HasSubstr("<y>"), HasSubstr("\"b\""), HasSubstr("holes")));
}

TEST(TokenizerRefusal, OpensAClassThatTransformersDoesNotKnow) {
  const TempDir folder;
  folder.write("tokenizer.json", stored().dump());
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "OwnTokenizer"})");
  EXPECT_EQ(Tokenizer::open(folder.path())->encode("ab<x>").ids, std::vector<std::int64_t>({2, 3}));
}

}  // namespace
}  // namespace lensbench
