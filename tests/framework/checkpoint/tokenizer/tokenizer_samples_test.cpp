// Expected ids, offsets and texts were made by Hugging Face `tokenizers`
// (tests/parity/make_tokenizer_data.py); they must be equal, not close.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "support/folders.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

const fs::path kTokenizers = fs::path(testing::data_folder()) / "tokenizers";

std::string text_of(const nlohmann::json& sample) {
  if (sample.contains("text")) return sample["text"].get<std::string>();
  const auto hex = sample["hex"].get<std::string>();
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

void expect_equal(const Tokenizer& tokenizer, const std::string& samples) {
  std::ifstream file(kTokenizers / (samples + ".expected.json"));
  ASSERT_TRUE(file) << samples;
  for (const auto& sample : nlohmann::json::parse(file)) {
    const std::string text = text_of(sample);
    const Encoding encoding = tokenizer.encode(text);
    SCOPED_TRACE(sample.contains("text") ? sample["text"].dump() : sample["hex"].dump());
    EXPECT_EQ(nlohmann::json(encoding.ids), sample["ids"]);
    EXPECT_EQ(nlohmann::json(tokenizer.encode(text, false).ids), sample["plain_ids"]);
    EXPECT_EQ(nlohmann::json(encoding.offsets), sample["offsets"]);
    EXPECT_EQ(tokenizer.decode(encoding.ids), sample["decoded"].get<std::string>());
  }
}

class TokenizerStyle : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerStyle, EqualsHuggingFaceOnSampleTexts) {
  const auto tokenizer = Tokenizer::open(kTokenizers / GetParam());
  ASSERT_NE(tokenizer, nullptr);
  expect_equal(*tokenizer, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Small, TokenizerStyle,
                         ::testing::Values("gpt2", "llama3", "llama2", "metaspace", "suffix",
                                           "prefix", "gemma", "cl100k", "o200k", "deepseek",
                                           "qwen2", "bert", "bert_cased", "roberta", "t5", "albert",
                                           "xlm", "unigram_bytes", "falcon", "bloom", "neox",
                                           "phi3", "bert_vocab", "distilbert_vocab", "opt_merges",
                                           "roberta_merges"),
                         [](const auto& test) { return std::string(test.param); });

struct SharedTokenizer {
  const char* folder;
  const char* samples;
};

class PublicTokenizer : public ::testing::TestWithParam<SharedTokenizer> {};

TEST_P(PublicTokenizer, EqualsHuggingFaceOnSampleTexts) {
  const char* shared = std::getenv("LENSBENCH_SHARED");
  const fs::path folder =
      fs::path(shared ? shared : testing::source_folder() + "/../shared") / GetParam().folder;
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not there";
  const auto tokenizer = Tokenizer::open(folder);
  ASSERT_NE(tokenizer, nullptr);
  expect_equal(*tokenizer, GetParam().samples);
}

INSTANTIATE_TEST_SUITE_P(Shared, PublicTokenizer,
                         ::testing::Values(SharedTokenizer{"tokenizers/gpt2", "shared_gpt2"},
                                           SharedTokenizer{"tokenizers/qwen3", "shared_qwen3"},
                                           SharedTokenizer{"models/aidreams260k",
                                                           "shared_aidreams260k"}),
                         [](const auto& test) { return std::string(test.param.samples); });

}  // namespace
}  // namespace lensbench
