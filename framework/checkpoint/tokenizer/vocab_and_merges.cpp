#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>

#include "checkpoint/tokenizer/bpe_model.hpp"
#include "checkpoint/tokenizer/loader.hpp"
#include "core/json.hpp"

namespace lensbench {
namespace {

constexpr JsonLimits kVocabularyLimits{.max_bytes = 64u << 20, .max_depth = 2};
constexpr const char* kGpt2EndOfText = "<|endoftext|>";

// The split that Qwen2 tokenizers are built with; tokenizer.json files of Qwen hold the same.
const nlohmann::json kQwen2Split = {
    {"Regex",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"}};

enum class Family { gpt2, qwen2 };

Family family_of(const std::filesystem::path& directory, const TokenizerConfig& config) {
  std::string name = config.tokenizer_class().value_or("GPT2Tokenizer");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  if (name == "GPT2Tokenizer") return Family::gpt2;
  if (name == "Qwen2Tokenizer") return Family::qwen2;
  throw InputError((directory / "tokenizer_config.json").string() + ": the tokenizer class '" +
                   name +
                   "' cannot be read from vocab.json and merges.txt (GPT2Tokenizer and "
                   "Qwen2Tokenizer can); save it with save_pretrained to get a tokenizer.json");
}

void read_merges(BpeModel& model, const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !std::filesystem::is_regular_file(path, error) || !file)
    throw InputError(path.string() + ": cannot be read; vocab.json needs it beside it");
  if (size > kVocabularyLimits.max_bytes)
    throw InputError(path.string() + ": " + std::to_string(size) + " bytes, more than allowed");
  const std::string name = path.string();
  const nlohmann::json no_value;
  const JsonField where(no_value, name);
  std::string line;
  while (std::getline(file, line)) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with("#version")) add_merge_line(model, line, where);
  }
}

/// Roles that a GPT-2 tokenizer fills with <|endoftext|> when no file says otherwise.
std::vector<std::string> special_contents(Family family, const TokenizerConfig& config) {
  auto contents = config.special_tokens();
  if (family == Family::gpt2)
    for (const char* role : {"bos_token", "eos_token", "unk_token"})
      if (!config.token(role)) contents.push_back(kGpt2EndOfText);
  std::ranges::sort(contents);
  contents.erase(std::unique(contents.begin(), contents.end()), contents.end());
  return contents;
}

std::vector<AddedToken> added_tokens(Family family, const TokenizerConfig& config,
                                     const Vocabulary& vocabulary) {
  auto tokens = config.added_tokens();
  for (const std::string& content : special_contents(family, config)) {
    const auto same = [&](const AddedToken& token) { return token.content == content; };
    if (std::ranges::any_of(tokens, same)) continue;
    AddedToken token;
    token.content = content;
    token.special = true;
    const auto id = vocabulary.id_of(content);
    if (!id) continue;  // named, but no part of this vocabulary: it can never occur
    token.id = *id;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::unique_ptr<const PreTokenizer> pre_tokenizer_of(Family family, const TokenizerConfig& config,
                                                     const std::string& name) {
  const bool add_prefix_space = config.flag("add_prefix_space");
  if (family == Family::gpt2) return byte_level_pre_tokenizer(add_prefix_space, true);
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  steps.push_back(std::make_unique<Split>(read_pattern(JsonField(kQwen2Split, name)),
                                          SplitBehavior::isolated, false));
  steps.push_back(byte_level_pre_tokenizer(add_prefix_space, false));
  return pre_tokenizer_sequence(std::move(steps));
}

}  // namespace

TokenizerParts load_vocab_and_merges(const std::filesystem::path& directory,
                                     const TokenizerConfig& config) {
  const Family family = family_of(directory, config);
  const auto vocab_path = directory / "vocab.json", merges_path = directory / "merges.txt";
  const nlohmann::json json = read_json(vocab_path, kVocabularyLimits);
  const std::string name = vocab_path.string();
  const JsonField root(json, name);
  auto model = std::make_unique<BpeModel>(read_vocabulary(root), BpeOptions{}, root);
  read_merges(*model, merges_path);

  TokenizerParts parts;
  if (family == Family::qwen2) parts.normalizer = unicode_normalizer(UnicodeForm::nfc);
  parts.pre_tokenizer = pre_tokenizer_of(family, config, name);
  parts.added = std::make_unique<AddedTokens>(added_tokens(family, config, model->vocabulary()),
                                              model->vocabulary(), parts.normalizer.get(), root);
  parts.decoder = byte_level_decoder();
  parts.files = {vocab_path, merges_path};
  const auto end = model->vocabulary().id_of(kGpt2EndOfText);
  if (family == Family::gpt2 && !config.token("bos_token")) parts.bos_id = end;
  if (family == Family::gpt2 && !config.token("eos_token")) parts.eos_id = end;
  parts.model = std::move(model);
  return parts;
}

}  // namespace lensbench
