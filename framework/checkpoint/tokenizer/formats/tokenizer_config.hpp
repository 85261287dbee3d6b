#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/added_tokens.hpp"

namespace lensbench {

/// What `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` say beside a
/// tokenizer's vocabulary; each may be missing.
class TokenizerConfig {
 public:
  explicit TokenizerConfig(const std::filesystem::path& directory);

  /// The token of a role (`bos_token`, `eos_token`, `unk_token`, …), by its vocabulary form.
  std::optional<std::string> token(const char* role) const;
  /// Null if neither file has it.
  std::optional<std::string> tokenizer_class() const;
  bool flag(const char* name) const { return flag_or(name, false); }
  /// `otherwise` if the flag is missing or null.
  bool flag_or(const char* name, bool otherwise) const;
  bool has(const char* name) const { return config_.field().find(name).has_value(); }
  /// From `added_tokens_decoder`, else `added_tokens.json`; with ids, in their order.
  std::vector<AddedToken> added_tokens() const;
  /// Contents of every special token that has a role.
  std::vector<std::string> special_tokens() const;
  /// A special token as one of the roles describes it (`lstrip`, …), without its id.
  AddedToken special_entry(const std::string& content) const;
  /// The files that were there.
  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  struct File {
    std::string name;
    nlohmann::json json;  // an empty object when there is no such file
    JsonReader field() const { return JsonReader(json, name); }
  };
  File read(const std::filesystem::path& path);
  std::vector<AddedToken> unordered_added_tokens() const;

  std::vector<std::filesystem::path> files_;
  File config_, map_, added_;
};

}  // namespace lensbench
