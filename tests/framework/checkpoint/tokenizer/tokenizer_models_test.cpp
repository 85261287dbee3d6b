// WordPiece and Unigram on vocabularies small enough to be worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/tokenizer/formats/foreign_tokenizer.hpp"
#include "checkpoint/tokenizer/text/character_classes.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Pair;
using testing::TempDir;

std::shared_ptr<const Tokenizer> open_json(const json& tokenizer) {
  const TempDir folder;
  folder.write("tokenizer.json", tokenizer.dump());
  return Tokenizer::open(folder.path());
}

std::string error_of(const json& tokenizer) {
  return message_of<InputError>([&] { open_json(tokenizer); });
}

// "unaffable" is the example of Google's BERT code: un, ##aff, ##able.
json wordpiece() {
  return {{"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 12},
            {"vocab",
             {{"[UNK]", 0},
              {"un", 1},
              {"##aff", 2},
              {"##able", 3},
              {"want", 4},
              {"##want", 5},
              {"##ed", 6},
              {"runn", 7},
              {"##ing", 8},
              {",", 9}}}}}};
}

json unigram(const std::vector<std::pair<std::string, json>>& vocab) {
  return {
      {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"byte_fallback", false}, {"vocab", vocab}}}};
}

TEST(WordPiece, TakesTheLongestTokenAtEachPlace) {
  const auto tokenizer = open_json(wordpiece());
  EXPECT_THAT(tokenizer->encode("unaffable").ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(tokenizer->encode("unwanted, running").ids, ElementsAre(1, 5, 6, 9, 7, 8));
  EXPECT_EQ(tokenizer->description(), "WordPiece, 10 tokens");
}

TEST(WordPiece, MakesAWordItCannotSplitOneUnknownToken) {
  const Encoding encoding = open_json(wordpiece())->encode("unwantedX runn");
  EXPECT_THAT(encoding.ids, ElementsAre(0, 7));
  EXPECT_THAT(encoding.offsets, ElementsAre(Pair(0, 9), Pair(10, 14)));
}

TEST(WordPiece, MakesAWordOfTooManyCharactersUnknown) {
  const auto tokenizer = open_json(wordpiece());
  EXPECT_THAT(tokenizer->encode("unaffableing").ids, ElementsAre(1, 2, 3, 8));  // 12 characters
  EXPECT_THAT(tokenizer->encode("unaffableings").ids, ElementsAre(0));
}

TEST(WordPiece, SaysWhichWordHasNoTokenWhenThereIsNoUnknownOne) {
  json tokenizer = wordpiece();
  tokenizer["model"]["vocab"].erase("[UNK]");
  const auto opened = open_json(tokenizer);
  EXPECT_THAT(message_of<InputError>([&] { opened->encode("unwell"); }), HasSubstr("unwell"));
}

TEST(WordPiece, DecodesWordsWithTheSpacesEnglishWrites) {
  const auto tokenizer = open_json(wordpiece());
  EXPECT_EQ(tokenizer->decode({1, 5, 6, 9, 7, 8}), "unwanted, running");
  EXPECT_EQ(tokenizer->token_text(8), "##ing");
}

// Best of "abc": a|bc = -1 - 4 = -5, ab|c = -2 - 2 = -4, a|b|c = -1 - 5 - 2 = -8.
TEST(Unigram, TakesTheSplitOfTheLargestSum) {
  const auto tokenizer = open_json(
      unigram({{"<unk>", 0.0}, {"a", -1.0}, {"b", -5.0}, {"c", -2.0}, {"bc", -4.0}, {"ab", -2.0}}));
  const Encoding encoding = tokenizer->encode("abc");
  EXPECT_THAT(encoding.ids, ElementsAre(5, 3));
  EXPECT_THAT(encoding.offsets, ElementsAre(Pair(0, 2), Pair(2, 3)));
  EXPECT_EQ(tokenizer->description(), "Unigram, 6 tokens");
}

TEST(Unigram, PrefersAWholeTokenToAnUnknownCharacterTenBelowTheWorst) {
  // x alone is unknown: -3 - 10. "xa" costs -12, less than -13 for the unknown x and -1 for a.
  const auto tokenizer =
      open_json(unigram({{"<unk>", 0.0}, {"a", -1.0}, {"xa", -12.0}, {"b", -3.0}}));
  EXPECT_THAT(tokenizer->encode("xab").ids, ElementsAre(2, 3));
}

TEST(Unigram, JoinsUnknownCharactersThatTouch) {
  const auto tokenizer = open_json(unigram({{"<unk>", 0.0}, {"a", -1.0}}));
  const Encoding encoding = tokenizer->encode("aéüa");
  EXPECT_THAT(encoding.ids, ElementsAre(1, 0, 1));
  EXPECT_THAT(encoding.offsets, ElementsAre(Pair(0, 1), Pair(1, 5), Pair(5, 6)));
}

TEST(Unigram, SpellsAnUnknownCharacterInBytesIfItHasThemAll) {
  json tokenizer = unigram({{"<unk>", 0.0}, {"a", -1.0}, {"<0xC3>", 0.0}, {"<0xA9>", 0.0}});
  tokenizer["model"]["byte_fallback"] = true;
  const auto opened = open_json(tokenizer);
  EXPECT_THAT(opened->encode("aé").ids, ElementsAre(1, 2, 3));  // é is C3 A9
  EXPECT_THAT(opened->encode("aü").ids, ElementsAre(1, 0));     // ü is C3 BC
}

TEST(Unigram, RefusesAVocabularyThatIsNone) {
  EXPECT_THAT(error_of(unigram({{"a", 0.0}, {"a", 1.0}})), HasSubstr("second entry"));
  EXPECT_THAT(error_of(unigram({{"a", "0"}})), AllOf(HasSubstr("vocab"), HasSubstr("entry 0")));
  EXPECT_THAT(error_of(unigram({})), HasSubstr("unk_id"));
  json tokenizer = unigram({{"a", 0.0}});
  tokenizer["model"]["unk_id"] = 1;
  EXPECT_THAT(error_of(tokenizer), HasSubstr("unk_id"));
}

TEST(Unigram, SaysThatACharacterHasNoTokenWhenThereIsNoUnknownOne) {
  json tokenizer = unigram({{"a", 0.0}});
  tokenizer["model"]["unk_id"] = nullptr;
  const auto opened = open_json(tokenizer);
  EXPECT_THAT(message_of<InputError>([&] { opened->encode("ab"); }), HasSubstr("\"b\""));
}

TEST(NormalizationTable, RefusesWhatIsNoDoubleArray) {
  json tokenizer = unigram({{"<unk>", 0.0}, {"a", -1.0}});
  const auto with = [&](const char* charsmap) {
    tokenizer["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", charsmap}};
    return error_of(tokenizer);
  };
  EXPECT_THAT(with(""), HasSubstr("double array"));
  EXPECT_THAT(with("abc"), HasSubstr("base64"));
  // Not a digit, white space that a lenient decoder skips, padding in the wrong place.
  for (const char* text : {"ab!=", " abc", "abc\n", "a===", "ab=c", "=abc", "ab==abcd"})
    EXPECT_THAT(with(text), HasSubstr("base64")) << text;
  EXPECT_THAT(with("//////////8="), HasSubstr("double array"));  // says it is 4 GB long
  EXPECT_THAT(with("BAAAAAAAAAD/"), HasSubstr("UTF-8"));
}

TEST(NormalizationTable, SurvivesUnitsThatPointOutOfTheTable) {
  json tokenizer = unigram({{"<unk>", 0.0}, {"a", -1.0}});
  tokenizer["normalizer"] = {{"type", "Precompiled"},
                             {"precompiled_charsmap", "BAAAAP////8="}};  // one unit, all ones
  EXPECT_THAT(open_json(tokenizer)->encode("aa").ids, ElementsAre(1, 1));
}

// Unicode 14 has punctuation that Unicode 8 had not: HF's tables are those of 8.
TEST(CharacterClasses, AreThoseOfTheReferenceLibrary) {
  EXPECT_TRUE(is_punctuation(U'$'));
  EXPECT_TRUE(is_punctuation(0x3002));   // ideographic full stop
  EXPECT_FALSE(is_punctuation(0x2E52));  // added in Unicode 14
  EXPECT_TRUE(is_nonspacing_mark(0x0301));
  EXPECT_FALSE(is_nonspacing_mark(0x0903));  // spacing
  EXPECT_TRUE(is_mark(0x0903));
  EXPECT_TRUE(is_invisible(0x00AD));
  EXPECT_TRUE(is_invisible(0xFFFD));
  EXPECT_FALSE(is_invisible(U'\t'));
  EXPECT_FALSE(is_invisible(U' '));
}

TEST(VocabTxt, ReadsABertVocabulary) {
  const TempDir folder;
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncafe\r\n##s\n中\n");
  const auto tokenizer = Tokenizer::open(folder.path());
  EXPECT_THAT(tokenizer->encode("Cafés中[MASK]").ids, ElementsAre(2, 5, 6, 7, 4, 3));
  EXPECT_EQ(tokenizer->size(), 8);
  EXPECT_TRUE(tokenizer->is_special(4));
}

TEST(VocabTxt, KeepsCaseAndAccentsWhenTheConfigSaysSo) {
  const TempDir folder;
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncafe\nCafé\n");
  folder.write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_THAT(Tokenizer::open(folder.path())->encode("Café", false).ids, ElementsAre(6));
}

TEST(VocabTxt, NamesTheTokenThatIsMissing) {
  const TempDir folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\na\n");
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(folder.path()); }),
              AllOf(HasSubstr("vocab.txt"), HasSubstr("[SEP]")));
  folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n\xff\n");
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(folder.path()); }), HasSubstr("UTF-8"));
}

TEST(VocabTxt, RefusesAClassItDoesNotDescribe) {
  const TempDir folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n");
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "BertJapaneseTokenizer"})");
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(folder.path()); }),
              HasSubstr("BertJapaneseTokenizer"));
}

constexpr const char* kLfsPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";

TEST(VocabTxt, IsNotAGitLfsPointer) {
  const TempDir folder;
  folder.write("vocab.txt", kLfsPointer);
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(folder.path()); }),
              AllOf(HasSubstr("vocab.txt: is a Git LFS pointer"), HasSubstr("git lfs pull")));
}

TEST(Merges, AreNotAGitLfsPointer) {
  const TempDir folder;
  folder.write("vocab.json", R"({"a": 0})");
  folder.write("merges.txt", kLfsPointer);
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(folder.path()); }),
              AllOf(HasSubstr("merges.txt: is a Git LFS pointer"), HasSubstr("git lfs pull")));
}

TEST(ForeignTokenizer, IsNotAGitLfsPointer) {
  for (const char* file : {"tokenizer.model", "spiece.model", "qwen.tiktoken"}) {
    const TempDir folder;
    folder.write(file, kLfsPointer);
    EXPECT_THAT(message_of<InputError>([&] { explain_foreign_tokenizer(folder.path()); }),
                HasSubstr(std::string(file) + ": is a Git LFS pointer"));
  }
}

TEST(ForeignTokenizer, SaysHowToConvertASentencePieceModel) {
  const TempDir folder;
  EXPECT_EQ(explain_foreign_tokenizer(folder.path()), "");
  folder.write("tokenizer.model", "never opened");
  EXPECT_EQ(Tokenizer::open(folder.path()), nullptr);
  EXPECT_THAT(explain_foreign_tokenizer(folder.path()),
              AllOf(HasSubstr("tokenizer.model"), HasSubstr("save_pretrained")));
}

}  // namespace
}  // namespace lensbench
