// Folders whose files disagree. The expected ids are those of AutoTokenizer of transformers 5.24
// (tests/fixtures/realworld/make.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>

#include "support/folders.hpp"

namespace lensbench {
namespace {

void expect_reference(const char* name) {
  const auto folder =
      std::filesystem::path(testing::source_folder()) / "tests/fixtures/realworld" / name;
  std::ifstream file(folder / "expected.json");
  ASSERT_TRUE(file) << folder;
  const auto tokenizer = Tokenizer::open(folder);
  ASSERT_NE(tokenizer, nullptr);
  for (const auto& sample : nlohmann::json::parse(file)) {
    const auto text = sample["text"].get<std::string>();
    EXPECT_EQ(nlohmann::json(tokenizer->encode(text).ids), sample["ids"]) << text;
  }
}

TEST(TokenizerFolder, KeepsCaseWhereTheSettingsSaySo) {
  expect_reference("bert_keeps_case");
}

TEST(TokenizerFolder, LowersCaseAsBertDoesWithoutASetting) {
  expect_reference("bert_lowers_case");
}

TEST(TokenizerFolder, KeepsAccentsWhereTheSettingsSaySo) {
  expect_reference("bert_keeps_accents");
}

TEST(TokenizerFolder, StripsAccentsOfCasedTexts) {
  expect_reference("bert_strips_accents");
}

TEST(TokenizerFolder, JoinsChineseCharactersWhereTheSettingsSaySo) {
  expect_reference("bert_joins_chinese");
}

TEST(TokenizerFolder, TakesTheClassOfTheModelType) {
  expect_reference("bert_by_model_type");
}

TEST(TokenizerFolder, AddsARoleTokenOutsideTheVocabulary) {
  expect_reference("bert_new_role_token");
}

TEST(TokenizerFolder, AddsAPrefixSpaceWhereTheSettingsSaySo) {
  expect_reference("prefix_space");
}

TEST(TokenizerFolder, ReadsAnySettingOfTheSpecialTokensMap) {
  expect_reference("prefix_space_of_map");
}

TEST(TokenizerFolder, LeavesOutAPrefixSpaceThatTokenizerJsonHas) {
  expect_reference("prefix_space_denied");
}

TEST(TokenizerFolder, AddsATokenOfTheAddedTokensDecoder) {
  expect_reference("decoder_token");
}

TEST(TokenizerFolder, NumbersTokensOfTheDecoderByOrderAndNotByStatedId) {
  expect_reference("decoder_order");
}

TEST(TokenizerFolder, TakesPropertiesOfATokenFromTheDecoder) {
  expect_reference("decoder_flags");
}

TEST(TokenizerFolder, AddsATokenOfAddedTokensJson) {
  expect_reference("added_tokens_json");
}

TEST(TokenizerFolder, UpdatesAStoredTokenThatAddedTokensJsonNumbersOtherwise) {
  expect_reference("stored_before_added_json");
}

TEST(TokenizerFolder, AddsATokenOfTheSpecialTokensMap) {
  expect_reference("special_tokens_map");
}

TEST(TokenizerFolder, PrefersTheSpecialTokensMapToTheConfig) {
  expect_reference("map_overrules_config");
}

TEST(TokenizerFolder, IgnoresTheSpecialTokensMapBesideADecoder) {
  expect_reference("map_without_effect");
}

TEST(TokenizerFolder, AddsTheTokenOfARole) {
  expect_reference("role_token");
}

TEST(TokenizerFolder, TakesPropertiesOfTheTokenOfARole) {
  expect_reference("role_properties");
}

TEST(TokenizerFolder, SplitsOffARoleTokenThatIsInTheVocabulary) {
  expect_reference("role_of_vocabulary");
}

TEST(TokenizerFolder, AddsTheTokenOfARoleOfThisModel) {
  expect_reference("model_role_token");
}

TEST(TokenizerFolder, AddsAdditionalSpecialTokensInTheirOrder) {
  expect_reference("additional_tokens");
}

TEST(TokenizerFolder, PrefersExtraToAdditionalSpecialTokens) {
  expect_reference("extra_tokens");
}

TEST(TokenizerFolder, AddsExtraSpecialTokensThatHaveARole) {
  expect_reference("named_extra_tokens");
}

TEST(TokenizerFolder, SplitsOffThePaddingTokenOfTokenizerJson) {
  expect_reference("padding_token");
}

TEST(TokenizerFolder, SplitsSpecialTokensWhereTheSettingsSaySo) {
  expect_reference("split_special_tokens");
}

TEST(TokenizerFolder, DropsStoredTokensThatTheDecoderLeavesOut) {
  expect_reference("dropped_added_tokens");
}

TEST(TokenizerFolder, DropsTheTemplateOfGptNeox) {
  expect_reference("neox_without_template");
}

TEST(TokenizerFolder, ComposesCharactersAsGptNeoxDoes) {
  expect_reference("neox_composes");
}

TEST(TokenizerFolder, FramesATextAsRobertaDoes) {
  expect_reference("roberta_frame");
}

TEST(TokenizerFolder, SplitsAsQwen2Does) {
  expect_reference("qwen2_split");
}

TEST(TokenizerFolder, SplitsAsQwen35Does) {
  expect_reference("qwen3_5_split");
}

TEST(TokenizerFolder, MarksOnlyTheFirstSpaceAsLlamaDoes) {
  expect_reference("llama_spaces");
}

TEST(TokenizerFolder, MarksEverySpaceAsLegacyLlamaDoes) {
  expect_reference("llama_legacy");
}

TEST(TokenizerFolder, LeavesOutTheFirstSpaceOfLlamaWhereTheSettingsSaySo) {
  expect_reference("llama_without_prefix");
}

TEST(TokenizerFolder, ReplacesSpacesAsGemmaDoes) {
  expect_reference("gemma_spaces");
}

TEST(TokenizerFolder, AddsSentinelsAndTheEndAsT5Does) {
  expect_reference("t5_words");
}

TEST(TokenizerFolder, KeepsAccentsOfAlbertWhereTheSettingsSaySo) {
  expect_reference("albert_keeps_accents");
}

TEST(TokenizerFolder, FramesATextAsXlmRobertaDoes) {
  expect_reference("xlm_roberta_frame");
}

TEST(TokenizerFolder, AddsATokenToVocabularyAndMerges) {
  expect_reference("vocabulary_with_new_token");
}

TEST(TokenizerFolder, ReadsAGptNeoxVocabulary) {
  expect_reference("neox_vocabulary");
}

}  // namespace
}  // namespace lensbench
