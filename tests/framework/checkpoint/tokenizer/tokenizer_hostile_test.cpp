// Tokenizer files that are broken, contradictory or made to do harm: an InputError that names the
// place, never a crash, a hang or a huge table.
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

/// A correct tokenizer, to be broken in one place.
json correct() {
  return json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 3, "content": "<x>", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\s+(?!\\S)|\\s+"},
                      "behavior": "Isolated", "invert": false},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}},
                 {"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [],
      "special_tokens": {"<x>": {"id": "<x>", "ids": [3], "tokens": ["<x>"]}}},
    "decoder": null,
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "vocab": {"a": 0, "b": 1, "ab": 2},
              "merges": [["a", "b"]]}})");
}

std::string refusal_of(const json& tokenizer) {
  const TempDir folder;
  folder.write("tokenizer.json", tokenizer.dump());
  return message_of<InputError>([&] { Tokenizer::open(folder.path()); });
}

std::string refusal_of_text(std::string_view text) {
  const TempDir folder;
  folder.write("tokenizer.json", text);
  return message_of<InputError>([&] { Tokenizer::open(folder.path()); });
}

/// The error when `value` is at `pointer`.
std::string error_with(const char* pointer, json value) {
  json tokenizer = correct();
  tokenizer[json::json_pointer(pointer)] = std::move(value);
  return refusal_of(tokenizer);
}

TEST(HostileTokenizer, TheUnbrokenOneOpens) {
  const TempDir folder;
  folder.write("tokenizer.json", correct().dump());
  EXPECT_EQ(Tokenizer::open(folder.path())->encode("abb").ids,
            std::vector<std::int64_t>({3, 2, 1}));
}

TEST(HostileTokenizer, RefusesWhatIsNoJson) {
  EXPECT_THAT(refusal_of_text(""), HasSubstr("tokenizer.json"));
  EXPECT_THAT(refusal_of_text("{\"model\""), HasSubstr("tokenizer.json"));
  EXPECT_THAT(refusal_of_text("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(refusal_of_text("\xff\xfe"), HasSubstr("tokenizer.json"));
}

TEST(HostileTokenizer, RefusesDeepNesting) {
  EXPECT_THAT(refusal_of_text("{\"model\": " + std::string(100'000, '[')), HasSubstr("nested"));
}

TEST(HostileTokenizer, RefusesDuplicateKeys) {
  EXPECT_THAT(
      refusal_of_text(R"({"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}})"),
      HasSubstr("duplicate"));
  EXPECT_THAT(refusal_of_text(
                  R"({"model": {"type": "BPE", "vocab": {"a": 0, "\u0061": 1}, "merges": []}})"),
              HasSubstr("duplicate"));
}

TEST(HostileTokenizer, NamesFileAndFieldOfAWrongType) {
  EXPECT_THAT(error_with("/model", 7), AllOf(HasSubstr("tokenizer.json"), HasSubstr("model")));
  EXPECT_THAT(error_with("/model/merges", "a b"), HasSubstr("model.merges"));
  EXPECT_THAT(error_with("/model/vocab", json::array()), HasSubstr("model.vocab"));
  EXPECT_THAT(error_with("/added_tokens/0/special", "yes"), HasSubstr("added_tokens[0].special"));
  EXPECT_THAT(error_with("/pre_tokenizer/behavior", "Sideways"), HasSubstr("Sideways"));
}

TEST(HostileTokenizer, RefusesPartsItDoesNotKnow) {
  EXPECT_THAT(error_with("/model/type", "WordLevel"), HasSubstr("WordLevel"));
  EXPECT_THAT(error_with("/normalizer", {{"type", "Rewrite"}}),
              AllOf(HasSubstr("normalizer.type"), HasSubstr("Rewrite")));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "UnicodeScripts"}}),
              HasSubstr("UnicodeScripts"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "FixedLength"}, {"length", 0}}),
              HasSubstr("FixedLength"));
  EXPECT_THAT(error_with("/decoder", {{"type", "CTC"}}), HasSubstr("CTC"));
  EXPECT_THAT(error_with("/post_processor", {{"type", "Magic"}}), HasSubstr("Magic"));
}

TEST(HostileTokenizer, RefusesRandomMerging) {
  EXPECT_THAT(error_with("/model/dropout", 0.1), HasSubstr("model.dropout"));
}

TEST(HostileTokenizer, RefusesMergesOfAbsentTokens) {
  EXPECT_THAT(error_with("/model/merges/0", {"a", "c"}), HasSubstr("\"c\""));
  EXPECT_THAT(error_with("/model/merges/0", {"b", "a"}), HasSubstr("\"ba\""));
  EXPECT_THAT(error_with("/model/merges/0", {std::string(100'000, 'a'), "b"}), HasSubstr("merge"));
}

TEST(HostileTokenizer, RefusesMergesThatAreNotTwoTokens) {
  EXPECT_THAT(error_with("/model/merges/0", "ab"), HasSubstr("not two tokens"));
  EXPECT_THAT(error_with("/model/merges/0", "a b c"), HasSubstr("not two tokens"));
  EXPECT_THAT(error_with("/model/merges/0", {"a"}), HasSubstr("merge"));
  EXPECT_THAT(error_with("/model/merges/0", {1, 2}), HasSubstr("merge"));
}

TEST(HostileTokenizer, RefusesAMergeWithoutTheContinuingPrefix) {
  // A shorter second token once made the prefix's length run past its end.
  EXPECT_THAT(error_with("/model/continuing_subword_prefix", "####"), HasSubstr("####"));
}

TEST(HostileTokenizer, RefusesIdsThatWouldNeedAHugeTable) {
  EXPECT_THAT(error_with("/model/vocab/a", 4'000'000'000u), HasSubstr("4000000000"));
  EXPECT_THAT(error_with("/model/vocab/a", ~0ull), HasSubstr("18446744073709551615"));
  EXPECT_THAT(error_with("/model/vocab/a", -1), HasSubstr("-1"));
  EXPECT_THAT(error_with("/model/vocab/a", 0.5), HasSubstr("0.5"));
  EXPECT_THAT(error_with("/model/vocab/a", "0"), HasSubstr("\"a\""));
  EXPECT_THAT(error_with("/added_tokens/0/id", 4'000'000'000u), HasSubstr("4000000000"));
  EXPECT_THAT(error_with("/added_tokens/0/id", -3), HasSubstr("-3"));
}

TEST(HostileTokenizer, RefusesDuplicateIds) {
  EXPECT_THAT(error_with("/model/vocab/a", 1), HasSubstr("another token"));
  EXPECT_THAT(error_with("/added_tokens/0/id", 1), HasSubstr("\"b\""));
  json twice = correct();
  twice["added_tokens"].push_back(twice["added_tokens"][0]);
  EXPECT_THAT(refusal_of(twice), HasSubstr("twice"));
  twice["added_tokens"][1]["content"] = "<y>";
  EXPECT_THAT(refusal_of(twice), HasSubstr("<x>"));
}

TEST(HostileTokenizer, RefusesAnAddedTokenThatContradictsTheVocabulary) {
  EXPECT_THAT(error_with("/added_tokens/0/content", "ab"),
              HasSubstr("another id in the vocabulary: 2"));
}

TEST(HostileTokenizer, TakesTheLongestOfOverlappingAddedTokens) {
  const TempDir folder;
  json tokenizer = correct();
  tokenizer["added_tokens"].push_back(tokenizer["added_tokens"][0]);
  tokenizer["added_tokens"][1]["content"] = "<x><x";
  tokenizer["added_tokens"][1]["id"] = 4;
  folder.write("tokenizer.json", tokenizer.dump());
  const auto opened = Tokenizer::open(folder.path());
  EXPECT_EQ(opened->encode("<x><x", false).ids, std::vector<std::int64_t>({4}));
  EXPECT_EQ(opened->encode("<x>", false).ids, std::vector<std::int64_t>({3}));
}

TEST(HostileTokenizer, RefusesAnEndlessAddedToken) {
  EXPECT_THAT(error_with("/added_tokens/0/content", std::string(100'000, 'x')),
              HasSubstr("100000 bytes"));
}

TEST(HostileTokenizer, RefusesHolesBeforeAddedTokens) {
  EXPECT_THAT(error_with("/added_tokens/0/id", 900), HasSubstr("next free id; expected 3"));
}

TEST(HostileTokenizer, AllowsHolesInTheVocabulary) {
  const TempDir folder;
  json tokenizer = correct();
  tokenizer["model"]["vocab"]["c"] = 900;
  tokenizer["added_tokens"] = json::array();
  tokenizer["post_processor"] = nullptr;
  folder.write("tokenizer.json", tokenizer.dump());
  const auto opened = Tokenizer::open(folder.path());
  EXPECT_EQ(opened->encode("c").ids, std::vector<std::int64_t>({900}));
  EXPECT_EQ(opened->size(), 901);
  EXPECT_EQ(opened->token_text(500), "<500>");
  EXPECT_EQ(opened->decode({500}), "");
}

TEST(HostileTokenizer, ListsThePostProcessorsByTheirNamesInFiles) {
  EXPECT_THAT(error_with("/post_processor/type", "Foo"),
              HasSubstr("BertProcessing, RobertaProcessing and Sequence are)"));
}

TEST(HostileTokenizer, RefusesATemplateOfUnknownTokens) {
  EXPECT_THAT(error_with("/post_processor/single/0/SpecialToken/id", "<y>"), HasSubstr("<y>"));
  EXPECT_THAT(error_with("/post_processor/special_tokens/<x>/ids/0", 2), HasSubstr("<x>"));
  EXPECT_THAT(error_with("/post_processor/special_tokens/<x>/tokens/0", "<z>"), HasSubstr("<z>"));
  EXPECT_THAT(error_with("/post_processor/special_tokens/<x>/ids", json::array()),
              HasSubstr("ids"));
  EXPECT_THAT(error_with("/post_processor/single", json::array()), HasSubstr("sequence A"));
}

TEST(HostileTokenizer, RefusesImpossibleTruncationAndPadding) {
  const json truncation = {{"max_length", 8}, {"stride", 8}, {"strategy", "LongestFirst"}};
  EXPECT_THAT(error_with("/truncation", truncation), HasSubstr("truncation.stride"));
  EXPECT_THAT(error_with("/padding", {{"strategy", {{"Fixed", 0}}}}), HasSubstr("Fixed"));
}

TEST(HostileTokenizer, RefusesExpressionsThatCouldTakeForever) {
  for (const char* regex : {"(a+)+$", "(a|a)*b", "((a*)*)*", "(?:x+x+)+y", "(a?){30}"})
    EXPECT_THAT(error_with("/pre_tokenizer/pattern", {{"Regex", regex}}), HasSubstr(regex));
}

TEST(HostileTokenizer, RefusesExpressionsThatEnginesReadDifferently) {
  for (const char* regex :
       {"^a",      "a$",     ".",        "\\w+",  "\\h",   "[a&&b]", "[[:alpha:]]",
        "(?<=a)b", "(a)\\1", "\\p{Foo}", "a{2}+", "(?m)a", "\\Aa",   "[",
        "(",       ")",      "a{",       "*",     "\\",    "[]",     "\\C"})
    EXPECT_THAT(error_with("/pre_tokenizer/pattern", {{"Regex", regex}}), HasSubstr("pattern"))
        << regex;
}

TEST(HostileTokenizer, RefusesAnExpressionThatMatchesNothing) {
  EXPECT_THAT(error_with("/pre_tokenizer/pattern", {{"Regex", "a*"}}), HasSubstr("empty"));
  EXPECT_THAT(error_with("/pre_tokenizer/pattern", {{"String", ""}}), HasSubstr("empty"));
}

TEST(HostileTokenizer, GivesUpOnAnExpressionThatIsTooSlowForAText) {
  const TempDir folder;
  json tokenizer = correct();
  tokenizer["pre_tokenizer"]["pattern"] = {{"Regex", "[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ce]"}};
  folder.write("tokenizer.json", tokenizer.dump());
  const auto opened = Tokenizer::open(folder.path());
  EXPECT_THROW(opened->encode(std::string(10'000, 'a')), InputError);
}

TEST(HostileTokenizer, NeverDropsACharacterWithoutAToken) {
  const TempDir folder;
  folder.write("tokenizer.json", correct().dump());
  const auto opened = Tokenizer::open(folder.path());
  EXPECT_THAT(message_of<InputError>([&] { opened->encode("acb"); }), HasSubstr("\"c\""));
}

TEST(HostileTokenizer, RefusesAnUnknownTokenThatIsUnknown) {
  EXPECT_THAT(error_with("/model/unk_token", "<unk>"), HasSubstr("<unk>"));
}

TEST(HostileTokenizer, RefusesMergesWithoutVocabularyAndTheReverse) {
  const TempDir only_merges, only_vocabulary;
  only_merges.write("merges.txt", "a b\n");
  only_vocabulary.write("vocab.json", R"({"a": 0})");
  EXPECT_THROW(Tokenizer::open(only_merges.path()), InputError);
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(only_vocabulary.path()); }),
              HasSubstr("merges.txt"));
}

}  // namespace
}  // namespace lensbench
