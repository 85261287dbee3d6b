#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Pair;
using testing::TempDir;

const std::filesystem::path kData = std::filesystem::path(testing::data_folder()) / "tokenizers";

std::shared_ptr<const Tokenizer> open_style(const char* style) {
  return Tokenizer::open(kData / style);
}

// Two letters and their merge.
constexpr const char* kTinyVocabulary = R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})";

TEST(Tokenizer, IsNullWhereTheFolderHoldsNone) {
  const TempDir folder;
  EXPECT_EQ(Tokenizer::open(folder.path()), nullptr);
  EXPECT_EQ(Tokenizer::open(folder / "missing"), nullptr);
}

TEST(Tokenizer, ReadsVocabularyAndMergesWithoutAnyOtherFile) {
  const TempDir folder;
  folder.write("vocab.json", kTinyVocabulary);
  folder.write("merges.txt", "#version: 0.2\na b\n");
  const auto tokenizer = Tokenizer::open(folder.path());
  EXPECT_THAT(tokenizer->encode("abba<|endoftext|>").ids, ElementsAre(2, 1, 0, 3));
  EXPECT_EQ(tokenizer->bos_id(), 3);
  EXPECT_EQ(tokenizer->eos_id(), 3);
  EXPECT_TRUE(tokenizer->is_special(3));
  EXPECT_EQ(tokenizer->files().size(), 2u);
  EXPECT_EQ(tokenizer->description(), "byte-level BPE, 4 tokens");
}

TEST(Tokenizer, TakesSpecialTokensFromTheConfigBesideTheVocabulary) {
  const TempDir folder;
  folder.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<s>": 3})");
  folder.write("merges.txt", "a b\n");
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": {"content": "<s>"},
                   "eos_token": "<e>", "unk_token": "<s>",
                   "added_tokens_decoder": {"4": {"content": "<e>", "special": true}}})");
  const auto tokenizer = Tokenizer::open(folder.path());
  EXPECT_EQ(tokenizer->bos_id(), 3);
  EXPECT_EQ(tokenizer->eos_id(), 4);
  EXPECT_EQ(tokenizer->size(), 5);
  EXPECT_THAT(tokenizer->encode("<s>ab<e>").ids, ElementsAre(3, 2, 4));
}

TEST(Tokenizer, RefusesAClassThatVocabularyAndMergesDoNotDescribe) {
  const TempDir folder;
  folder.write("vocab.json", kTinyVocabulary);
  folder.write("merges.txt", "a b\n");
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "CLIPTokenizer"})");
  EXPECT_THAT(message_of<InputError>([&] { Tokenizer::open(folder.path()); }),
              HasSubstr("CLIPTokenizer"));
}

TEST(Tokenizer, MarksTheTokensItsTemplateAdded) {
  const auto tokenizer = open_style("llama2");
  const Encoding encoding = tokenizer->encode("a");
  EXPECT_EQ(encoding.ids.front(), tokenizer->bos_id());
  EXPECT_TRUE(encoding.special.front());
  EXPECT_FALSE(encoding.special.back());
  EXPECT_THAT(encoding.offsets.front(), Pair(0, 0));
  EXPECT_EQ(tokenizer->encode("a", false).ids.size() + 1, encoding.ids.size());
}

TEST(Tokenizer, GivesOffsetsInBytesOfTheInputWhereItIsNotUtf8) {
  const auto tokenizer = open_style("qwen2");
  // One byte, repaired to three, still counts as one.
  const Encoding encoding = tokenizer->encode(
      "\xff"
      "a");
  EXPECT_THAT(encoding.offsets.front(), Pair(0, 1));
  EXPECT_THAT(encoding.offsets.back(), Pair(1, 2));
  EXPECT_EQ(tokenizer->decode(encoding.ids),
            "\xef\xbf\xbd"
            "a");
}

TEST(Tokenizer, SaysWhichBytesATokenStandsFor) {
  const auto byte_level = open_style("gpt2");
  EXPECT_EQ(byte_level->token_bytes(*byte_level->id_of("Ġ")), " ");
  EXPECT_EQ(byte_level->token_bytes(*byte_level->id_of("â")), "\xe2");
  EXPECT_EQ(byte_level->token_bytes(*byte_level->id_of("<|endoftext|>")), "<|endoftext|>");
  const auto fallback = open_style("llama2");
  EXPECT_EQ(fallback->token_bytes(*fallback->id_of("<0x0A>")), "\n");
  EXPECT_EQ(fallback->token_bytes(*fallback->id_of("▁")), " ");
  EXPECT_EQ(fallback->token_bytes(99999), "");
}

TEST(Tokenizer, ShowsTokensAsValidTextWithoutNul) {
  const auto tokenizer = open_style("gpt2");
  EXPECT_EQ(tokenizer->token_text(*tokenizer->id_of("Ġ")), " ");
  EXPECT_EQ(tokenizer->token_text(*tokenizer->id_of("â")), "\\xe2");
  EXPECT_EQ(tokenizer->token_text(*tokenizer->id_of("Ā")), "\\x00");
  EXPECT_EQ(tokenizer->token_text(99999), "<99999>");
  EXPECT_EQ(tokenizer->token_text(-1), "<-1>");
}

TEST(Tokenizer, SkipsUnknownIdsAndOnDemandSpecialTokensWhenDecoding) {
  const auto tokenizer = open_style("llama3");
  const auto a = *tokenizer->id_of("a");
  EXPECT_EQ(tokenizer->decode({*tokenizer->bos_id(), a, 99999, -5, a}), "<|begin_of_text|>aa");
  EXPECT_EQ(tokenizer->decode({*tokenizer->bos_id(), a}, true), "a");
}

TEST(Tokenizer, MergesAMillionEqualCharactersInTime) {
  const auto tokenizer = open_style("qwen2");
  const std::string text(1'000'000, '^');
  const Encoding encoding = tokenizer->encode(text);
  EXPECT_EQ(encoding.offsets.back().second, text.size());
  EXPECT_EQ(tokenizer->decode(encoding.ids), text);
}

TEST(Tokenizer, SplitsAMillionSpacesInTime) {
  const auto tokenizer = open_style("llama3");
  const std::string text(1'000'000, ' ');
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, false).ids), text);
}

TEST(Tokenizer, GivesTheSameFromSeveralThreads) {
  const auto tokenizer = open_style("o200k");
  const std::string text = "In the beginning God created the heaven and the earth, 1234 times.";
  const auto expected = tokenizer->encode(text).ids;
  std::vector<std::vector<std::int64_t>> found(4);
  std::vector<std::thread> threads;
  for (auto& ids : found)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) ids = tokenizer->encode(text).ids;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(found, ::testing::Each(expected));
}

TEST(ParseToken, TakesAnIdAVocabularyFormOrAText) {
  const auto tokenizer = open_style("gpt2");
  const auto the = *tokenizer->id_of("Ġthe");
  EXPECT_EQ(parse_token(tokenizer.get(), std::to_string(the), 700), the);
  EXPECT_EQ(parse_token(tokenizer.get(), "Ġthe", 700), the);
  EXPECT_EQ(parse_token(tokenizer.get(), " the", 700), the);
  EXPECT_EQ(parse_token(nullptr, "12", 700), 12);
}

TEST(ParseToken, FindsATokenThatItsTextAloneWouldNotBecome) {
  // A space is put before every text, so that " th" becomes "▁▁" and "th".
  const auto tokenizer = open_style("llama2");
  EXPECT_EQ(parse_token(tokenizer.get(), " th", 1000), *tokenizer->id_of("▁th"));
}

TEST(ParseToken, SaysIntoWhichTokensATextSplits) {
  const auto tokenizer = open_style("gpt2");
  const auto message = message_of<UsageError>([&] { parse_token(tokenizer.get(), "Zx", 700); });
  EXPECT_THAT(message, HasSubstr("'Z'"));
  EXPECT_THAT(message, HasSubstr("'x'"));
}

TEST(ParseToken, RefusesIdsOutOfRangeAndTextsWithoutATokenizer) {
  EXPECT_THROW(parse_token(nullptr, "700", 700), UsageError);
  EXPECT_THROW(parse_token(nullptr, "99999999999999999999", 700), UsageError);
  EXPECT_THROW(parse_token(nullptr, "the", 700), UsageError);
  EXPECT_THROW(parse_token(nullptr, "", 700), UsageError);
}

}  // namespace
}  // namespace lensbench
