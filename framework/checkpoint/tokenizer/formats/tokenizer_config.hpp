#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/added_tokens.hpp"

namespace lensbench {

/// Settings that supplement the vocabulary of a tokenizer: `tokenizer_config.json`,
/// `special_tokens_map.json` and `added_tokens.json`, of which each may be missing.
class TokenizerConfig {
 public:
  explicit TokenizerConfig(const std::filesystem::path& directory);

  /// Vocabulary form of the token with a role (`bos_token`, `eos_token`, `unk_token`, …).
  std::optional<std::string> token(const char* role) const;
  /// Name of the tokenizer class; empty if it is not stated.
  std::optional<std::string> tokenizer_class() const;
  bool flag(const char* name) const { return flag_or(name, false); }
  /// Value of a flag; `otherwise` if it is missing or null.
  bool flag_or(const char* name, bool otherwise) const;
  bool has(const char* name) const { return config_.field().find(name).has_value(); }
  /// Tokens of `added_tokens_decoder`, else of `added_tokens.json`, sorted by id.
  std::vector<AddedToken> added_tokens() const;
  /// Contents of all special tokens that have a role.
  std::vector<std::string> special_tokens() const;
  /// Properties (`lstrip`, …) of a special token, from the entry of its role; without its id.
  AddedToken special_entry(const std::string& content) const;
  /// Files that exist.
  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  struct File {
    std::string name;
    nlohmann::json json;  // an empty object if the file is missing
    JsonReader field() const { return JsonReader(json, name); }
  };
  File read(const std::filesystem::path& path);
  std::vector<AddedToken> unordered_added_tokens() const;

  std::vector<std::filesystem::path> files_;
  File config_, map_, added_;
};

}  // namespace lensbench
