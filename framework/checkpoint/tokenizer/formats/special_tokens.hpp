#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/added_vocabulary.hpp"
#include "checkpoint/tokenizer/formats/tokenizer_class.hpp"
#include "checkpoint/tokenizer/formats/tokenizer_settings.hpp"

namespace lensbench {

/// Tokenizer.json as far as it concerns the added tokens of a folder.
struct StoredTokens {
  std::vector<AddedToken> added;
  std::optional<std::string> padding;  ///< token of `padding`
};

/// Adds the tokens of all files of a folder to its vocabulary, and says which token has which role.
class SpecialTokens {
 public:
  /// \param kind  class that builds the tokenizer; null if tokenizer.json is taken as it is
  /// \throws InputError that names the field for settings that cannot be followed
  SpecialTokens(const TokenizerSettings& settings, const TokenizerClass* kind,
                const StoredTokens& stored);

  void add_to(AddedVocabulary& vocabulary) const;
  /// Token with a role; empty if there is none.
  std::optional<std::string> token(std::string_view role) const;

 private:
  void find_roles(const StoredTokens& stored);
  void find_extra();
  std::vector<SettingsToken> tokens_to_add(const AddedVocabulary& vocabulary) const;
  void refuse_unordered(const AddedVocabulary& vocabulary) const;
  bool is_named(const std::string& content) const;

  const TokenizerSettings& settings_;
  const TokenizerClass* kind_;
  std::vector<AddedToken> stored_;
  std::vector<std::pair<std::int64_t, SettingsToken>> listed_;  // by stated id
  std::vector<std::pair<std::string, SettingsToken>> roles_;    // the general ones, then others
  std::size_t general_roles_ = 0;
  std::vector<SettingsToken> extra_;
};

}  // namespace lensbench
