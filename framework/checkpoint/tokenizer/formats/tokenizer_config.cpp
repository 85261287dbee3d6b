#include "checkpoint/tokenizer/formats/tokenizer_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text/json.hpp"

namespace lensbench {
namespace {

constexpr JsonLimits kConfigLimits{.max_bytes = 16u << 20, .max_depth = 64};
constexpr std::array kRoles = {"bos_token", "eos_token", "unk_token", "sep_token",
                               "pad_token", "cls_token", "mask_token"};

/// Content of a token, which the files store as a string or as an object with the field `content`.
std::optional<std::string> token_of(const JsonReader& file, const char* role) {
  const auto field = file.find(role);
  if (!field) return std::nullopt;
  return field->value().is_object() ? field->at("content").string() : field->string();
}

}  // namespace

TokenizerConfig::TokenizerConfig(const std::filesystem::path& directory)
    : config_(read(directory / "tokenizer_config.json")),
      map_(read(directory / "special_tokens_map.json")),
      added_(read(directory / "added_tokens.json")) {}

TokenizerConfig::File TokenizerConfig::read(const std::filesystem::path& path) {
  File file{path.string(), nlohmann::json::object()};
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return file;
  file.json = read_json(path, kConfigLimits);
  files_.push_back(path);
  return file;
}

std::optional<std::string> TokenizerConfig::token(const char* role) const {
  if (auto token = token_of(config_.field(), role)) return token;
  return token_of(map_.field(), role);
}

std::optional<std::string> TokenizerConfig::tokenizer_class() const {
  const auto field = config_.field().find("tokenizer_class");
  if (!field) return std::nullopt;
  return field->string();
}

bool TokenizerConfig::flag_or(const char* name, bool otherwise) const {
  return config_.field().boolean_or(name, otherwise);
}

std::vector<AddedToken> TokenizerConfig::added_tokens() const {
  auto tokens = unordered_added_tokens();
  std::ranges::sort(tokens, {}, &AddedToken::id);
  return tokens;
}

std::vector<AddedToken> TokenizerConfig::unordered_added_tokens() const {
  std::vector<AddedToken> tokens;
  if (const auto decoder = config_.field().find("added_tokens_decoder")) {
    if (!decoder->value().is_object()) decoder->fail("expected an object of ids and tokens");
    for (const auto& [id, entry] : decoder->value().items()) {
      AddedToken token = read_added_token(decoder->at(id.c_str()));
      const char* end = id.data() + id.size();
      const auto parsed = std::from_chars(id.data(), end, token.id);
      if (parsed.ec != std::errc() || parsed.ptr != end)
        decoder->fail("\"" + id + "\" is not a token id");
      tokens.push_back(std::move(token));
    }
    return tokens;
  }
  const auto specials = special_tokens();
  for (const auto& [content, id] : added_.json.items()) {
    AddedToken token;
    token.content = content;
    token.id = added_.field().at(content).integer({0, INT64_MAX});
    token.special = std::ranges::find(specials, content) != specials.end();
    token.normalized = !token.special;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<std::string> TokenizerConfig::special_tokens() const {
  std::vector<std::string> tokens;
  for (const char* role : kRoles)
    if (auto content = token(role)) tokens.push_back(std::move(*content));
  for (const File* file : {&config_, &map_}) {
    const auto more = file->field().find("additional_special_tokens");
    if (!more || !more->value().is_array()) continue;
    for (std::size_t i = 0; i < more->size(); ++i) {
      const JsonReader entry = more->at(i);
      tokens.push_back(entry.value().is_object() ? entry.at("content").string() : entry.string());
    }
  }
  return tokens;
}

AddedToken TokenizerConfig::special_entry(const std::string& content) const {
  AddedToken token;
  for (const File* file : {&map_, &config_})
    for (const char* role : kRoles) {
      const auto field = file->field().find(role);
      if (!field || !field->value().is_object() || field->at("content").string() != content)
        continue;
      token = read_added_token(*field);
    }
  token.content = content;
  token.special = true;
  return token;
}

}  // namespace lensbench
