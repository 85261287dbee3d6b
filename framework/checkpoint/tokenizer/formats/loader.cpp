#include "checkpoint/tokenizer/formats/loader.hpp"

#include <lensbench/error.hpp>

#include "core/text/json.hpp"

namespace lensbench {
namespace {

constexpr JsonLimits kTokenizerLimits{.max_bytes = 64u << 20, .max_depth = 64};

/// Checks `truncation` and `padding`, which are settings for batches. They are not applied: every
/// text keeps all its tokens, as by default in `transformers`.
void check_batch_settings(const JsonReader& root) {
  if (const auto truncation = root.find("truncation")) {
    const auto length = truncation->at("max_length").integer({0, INT64_MAX});
    const auto stride = truncation->find("stride");
    if (stride && length > 0 && stride->integer({0, INT64_MAX}) >= length)
      stride->fail("the stride must be less than max_length, " + std::to_string(length));
  }
  if (const auto padding = root.find("padding")) {
    const JsonReader strategy = padding->at("strategy");
    if (strategy.value().is_object()) strategy.at("Fixed").integer({1, INT32_MAX});
    if (const auto multiple = padding->find("pad_to_multiple_of"))
      multiple->integer({1, INT32_MAX});
  }
}

/// The special token that a template adds on one side of the text; empty unless it adds exactly
/// one.
std::optional<std::int64_t> only(const std::vector<std::int64_t>& ids) {
  return ids.size() == 1 ? std::optional(ids.front()) : std::nullopt;
}

void find_bos_and_eos(TokenizerParts& parts, const TokenizerConfig& config) {
  const auto id_of = [&](const char* role) -> std::optional<std::int64_t> {
    const auto token = config.token(role);
    if (!token) return std::nullopt;
    if (const AddedToken* added = parts.added->find(*token)) return added->id;
    return parts.model->vocabulary().id_of(*token);
  };
  if (!parts.bos_id) parts.bos_id = id_of("bos_token");
  if (!parts.eos_id) parts.eos_id = id_of("eos_token");
  if (!parts.post_processor) return;
  if (!parts.bos_id) parts.bos_id = only(parts.post_processor->prefix());
  if (!parts.eos_id) parts.eos_id = only(parts.post_processor->suffix());
}

TokenizerParts read_parts(const JsonReader& root) {
  TokenizerParts parts;
  if (const auto field = root.find("normalizer")) parts.normalizer = read_normalizer(*field);
  if (const auto field = root.find("pre_tokenizer"))
    parts.pre_tokenizer = read_pre_tokenizer(*field);
  parts.model = read_token_model(root.at("model"));
  const Vocabulary& vocabulary = parts.model->vocabulary();
  const auto added = root.find("added_tokens");
  parts.added =
      std::make_unique<AddedTokens>(added ? read_added_tokens(*added) : std::vector<AddedToken>(),
                                    vocabulary, parts.normalizer.get(), added ? *added : root);
  const TokenLookup lookup = [&](std::string_view token) -> std::optional<std::int64_t> {
    if (const AddedToken* found = parts.added->find(token)) return found->id;
    return vocabulary.id_of(token);
  };
  if (const auto field = root.find("post_processor"))
    parts.post_processor = read_post_processor(*field, lookup);
  if (const auto field = root.find("decoder")) parts.decoder = read_decoder(*field);
  check_batch_settings(root);
  return parts;
}

}  // namespace

TokenizerParts load_tokenizer_json(const std::filesystem::path& path) {
  const nlohmann::json json = read_json(path, kTokenizerLimits);
  const std::string name = path.string();
  TokenizerParts parts = read_parts(JsonReader(json, name));
  parts.files = {path};
  return parts;
}

std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text,
                                                      const std::string& name) {
  const nlohmann::json json = parse_json(text, name, kTokenizerLimits);
  return std::make_shared<PipelineTokenizer>(read_parts(JsonReader(json, name)));
}

std::shared_ptr<const Tokenizer> Tokenizer::open(const std::filesystem::path& directory) {
  const auto contains = [&](const char* file) {
    std::error_code error;
    return std::filesystem::exists(directory / file, error);
  };
  const bool one_file = contains("tokenizer.json");
  const bool two_files = contains("vocab.json") || contains("merges.txt");
  if (!one_file && !two_files && !contains("vocab.txt")) return nullptr;
  const TokenizerConfig config(directory);
  TokenizerParts parts = one_file    ? load_tokenizer_json(directory / "tokenizer.json")
                         : two_files ? load_vocab_and_merges(directory, config)
                                     : load_vocab_txt(directory, config);
  parts.files.insert(parts.files.end(), config.files().begin(), config.files().end());
  find_bos_and_eos(parts, config);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace lensbench
