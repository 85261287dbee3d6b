#pragma once

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/tokenizer/added_tokens.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// A token that the settings name, before it is added to a vocabulary.
struct SettingsToken {
  std::string content;
  bool plain_text = true;  ///< stated as a string, without properties
  bool special = true;
  std::optional<bool> normalized;  ///< without a value: the opposite of `special`
  bool single_word = false, lstrip = false, rstrip = false;

  bool operator==(const SettingsToken&) const = default;
  AddedToken added() const;
};

/// Settings of a folder's tokenizer apart from its vocabulary: `tokenizer_config.json`,
/// `special_tokens_map.json`, `added_tokens.json` and two fields of `config.json`, of which each
/// may be missing. As in `transformers`, the second and the third count only where the first does
/// not list the added tokens in `added_tokens_decoder`, and the second overrules the first.
class TokenizerSettings {
 public:
  TokenizerSettings() = default;  ///< no file
  explicit TokenizerSettings(const std::filesystem::path& directory);

  /// A field; empty if it is missing or null.
  std::optional<JsonReader> find(const std::string& key) const;
  /// Whether a field is there, even if it is null.
  bool has(const std::string& key) const { return holder_of(key) != nullptr; }
  /// Value of a flag; `otherwise` if it is missing or null.
  bool flag_or(const std::string& key, bool otherwise) const;
  /// Token in a field; empty if it is missing or null.
  std::optional<SettingsToken> token(const std::string& key) const;

  /// Tokens of lists of special tokens that do not have a role.
  struct ExtraTokens {
    bool stated = false;  ///< whether a list is there, even if it is empty
    std::vector<SettingsToken> list;
    std::vector<std::pair<std::string, SettingsToken>> named;  ///< tokens of roles of this model
  };
  ExtraTokens extra_tokens() const;
  /// `additional_special_tokens` where `extra_special_tokens` does not take its place.
  std::optional<std::vector<SettingsToken>> additional_tokens() const;

  /// Tokens of `added_tokens_decoder` or `added_tokens.json` with their stated ids, in that order.
  /// \param stored  `added_tokens` of a tokenizer.json, which count where there is no decoder
  std::vector<std::pair<std::int64_t, SettingsToken>> added_tokens(
      const std::vector<AddedToken>& stored) const;

  /// Class of the tokenizer as stated by tokenizer_config.json; empty if it is not stated.
  std::string tokenizer_class() const;
  /// Class of the tokenizer as stated by config.json.
  std::string model_tokenizer_class() const { return text_of(model_, "tokenizer_class"); }
  std::string model_type() const { return text_of(model_, "model_type"); }
  std::string model_name() const { return text_of(model_, "model_name"); }
  /// Whether the folder brings a tokenizer class of its own as Python code.
  bool has_own_code() const;
  const std::string& config_file() const { return config_.name; }
  /// tokenizer_config.json, to report an error in one of its fields.
  JsonReader root() const { return config_.field(); }
  /// Files of the tokenizer that exist.
  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  struct File {
    std::string name;
    nlohmann::json json = nlohmann::json::object();  // empty if the file is missing
    JsonReader field() const { return JsonReader(json, name); }
  };
  File read(const std::filesystem::path& path);
  static std::string text_of(const File& file, const char* key);
  const File* holder_of(const std::string& key) const;
  bool map_counts() const;
  std::set<std::string> special_contents() const;
  void take_role_fields(const File& file, ExtraTokens& extra) const;
  static void take_list(const JsonReader& field, bool always_special, ExtraTokens& extra);
  static void take_named(const JsonReader& roles, ExtraTokens& extra);

  std::vector<std::filesystem::path> files_;
  File config_, map_, added_, model_;
};

/// Roles of special tokens, in the order in which their tokens are added.
inline constexpr std::array<const char*, 7> kTokenRoles = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

}  // namespace lensbench
