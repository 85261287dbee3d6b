#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <map>

#include "checkpoint/tokenizer/formats/loader.hpp"
#include "checkpoint/tokenizer/models/bpe_model.hpp"
#include "core/text/json.hpp"

namespace lensbench {
namespace {

constexpr JsonLimits kVocabularyLimits{.max_bytes = 64u << 20, .max_depth = 2};
constexpr const char* kGpt2EndOfText = "<|endoftext|>";

// Split pattern of Qwen2 tokenizers, as in the tokenizer.json files of Qwen.
const nlohmann::json kQwen2Split = {
    {"Regex",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"}};

enum class Family { gpt2, roberta, qwen2 };

Family family_of(const std::filesystem::path& directory, const TokenizerConfig& config) {
  std::string name = config.tokenizer_class().value_or("GPT2Tokenizer");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  if (name == "GPT2Tokenizer") return Family::gpt2;
  if (name == "RobertaTokenizer") return Family::roberta;
  if (name == "Qwen2Tokenizer") return Family::qwen2;
  throw InputError((directory / "tokenizer_config.json").string() + ": the tokenizer class '" +
                   name +
                   "' cannot be read from vocab.json and merges.txt (GPT2Tokenizer, "
                   "RobertaTokenizer and Qwen2Tokenizer can); save it with save_pretrained to get "
                   "a tokenizer.json");
}

void read_merges(BpeModel& model, const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !std::filesystem::is_regular_file(path, error) || !file)
    throw InputError(path.string() +
                     ": cannot be read; vocab.json needs merges.txt in its directory");
  if (size > kVocabularyLimits.max_bytes)
    throw InputError(path.string() + ": too large (" + std::to_string(size) + " bytes, at most " +
                     std::to_string(kVocabularyLimits.max_bytes) + " are allowed)");
  const std::string name = path.string();
  const nlohmann::json no_value;
  const JsonReader where(no_value, name);
  std::string line;
  while (std::getline(file, line)) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with("#version")) add_merge_line(model, line, where);
  }
}

/// Default token of a role, for tokenizers whose files do not name it; null without a default.
const char* default_token(Family family, std::string_view role) {
  using Roles = std::map<std::string_view, const char*>;
  static const Roles gpt2 = {
      {"bos_token", kGpt2EndOfText}, {"eos_token", kGpt2EndOfText}, {"unk_token", kGpt2EndOfText}};
  static const Roles roberta = {
      {"bos_token", "<s>"},   {"eos_token", "</s>"},  {"sep_token", "</s>"},   {"cls_token", "<s>"},
      {"unk_token", "<unk>"}, {"pad_token", "<pad>"}, {"mask_token", "<mask>"}};
  static const Roles none;
  const Roles& roles = family == Family::gpt2 ? gpt2 : family == Family::roberta ? roberta : none;
  const auto found = roles.find(role);
  return found == roles.end() ? nullptr : found->second;
}

std::optional<std::string> token_of(Family family, const TokenizerConfig& config,
                                    const char* role) {
  if (auto token = config.token(role)) return token;
  const char* otherwise = default_token(family, role);
  return otherwise ? std::optional<std::string>(otherwise) : std::nullopt;
}

std::vector<std::string> special_contents(Family family, const TokenizerConfig& config) {
  auto contents = config.special_tokens();
  for (const char* role :
       {"bos_token", "eos_token", "sep_token", "cls_token", "unk_token", "pad_token", "mask_token"})
    if (auto token = token_of(family, config, role)) contents.push_back(std::move(*token));
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
    AddedToken token = config.special_entry(content);
    const auto id = vocabulary.id_of(content);
    if (!id) continue;  // a named token outside the vocabulary can never occur
    token.id = *id;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::unique_ptr<const PreTokenizer> pre_tokenizer_of(Family family, const TokenizerConfig& config,
                                                     const std::string& name) {
  const bool add_prefix_space = config.flag("add_prefix_space");
  if (family != Family::qwen2) return byte_level_pre_tokenizer(add_prefix_space, true);
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  steps.push_back(std::make_unique<Split>(read_pattern(JsonReader(kQwen2Split, name)),
                                          SplitBehavior::isolated, false));
  steps.push_back(byte_level_pre_tokenizer(add_prefix_space, false));
  return pre_tokenizer_sequence(std::move(steps));
}

/// Post-processor of RoBERTa, or the one that `add_bos_token` and `add_eos_token` request.
std::unique_ptr<const PostProcessor> post_processor_of(Family family, const TokenizerConfig& config,
                                                       const Vocabulary& vocabulary,
                                                       const JsonReader& where) {
  const auto ids_of = [&](const char* role) {
    const auto token = token_of(family, config, role);
    const auto id = token ? vocabulary.id_of(*token) : std::nullopt;
    if (token && !id)
      where.fail("the " + std::string(role) + " \"" + *token + "\" is missing in the vocabulary");
    return id ? std::vector<std::int64_t>{*id} : std::vector<std::int64_t>();
  };
  if (family == Family::roberta)
    return roberta_post_processor(ids_of("cls_token"), ids_of("sep_token"),
                                  config.flag_or("trim_offsets", true),
                                  config.flag("add_prefix_space"));
  using Ids = std::vector<std::int64_t>;
  const Ids before = config.flag("add_bos_token") ? ids_of("bos_token") : Ids();
  const Ids after = config.flag("add_eos_token") ? ids_of("eos_token") : Ids();
  return before.empty() && after.empty() ? nullptr : template_post_processor(before, after);
}

}  // namespace

TokenizerParts load_vocab_and_merges(const std::filesystem::path& directory,
                                     const TokenizerConfig& config) {
  const Family family = family_of(directory, config);
  const auto vocab_path = directory / "vocab.json", merges_path = directory / "merges.txt";
  const nlohmann::json json = read_json(vocab_path, kVocabularyLimits);
  const std::string name = vocab_path.string();
  const JsonReader root(json, name);
  auto model = std::make_unique<BpeModel>(read_vocabulary(root), BpeOptions{}, root);
  read_merges(*model, merges_path);

  TokenizerParts parts;
  if (family == Family::qwen2) parts.normalizer = unicode_normalizer(UnicodeForm::nfc);
  parts.pre_tokenizer = pre_tokenizer_of(family, config, name);
  parts.added = std::make_unique<AddedTokens>(added_tokens(family, config, model->vocabulary()),
                                              model->vocabulary(), parts.normalizer.get(), root);
  parts.decoder = byte_level_decoder();
  parts.files = {vocab_path, merges_path};
  parts.post_processor = post_processor_of(family, config, model->vocabulary(), root);
  const auto id_of = [&](const char* role) {
    const char* token = config.token(role) ? nullptr : default_token(family, role);
    return token ? model->vocabulary().id_of(token) : std::nullopt;
  };
  parts.bos_id = id_of("bos_token");
  parts.eos_id = id_of("eos_token");
  parts.model = std::move(model);
  return parts;
}

}  // namespace lensbench
