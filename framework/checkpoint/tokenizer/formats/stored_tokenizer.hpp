#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "checkpoint/tokenizer/added_vocabulary.hpp"
#include "checkpoint/tokenizer/formats/special_tokens.hpp"
#include "checkpoint/tokenizer/formats/tokenizer_class.hpp"
#include "checkpoint/tokenizer/post_processor.hpp"

namespace lensbench {

/// The content of a tokenizer.json, or of none.
class StoredTokenizer {
 public:
  /// \throws InputError with file and field
  explicit StoredTokenizer(const std::filesystem::path& path);
  StoredTokenizer(std::string_view text, const std::string& name);
  /// Stands for a missing file. \param name  file that messages name instead
  explicit StoredTokenizer(const std::string& name) : name_(name) {}

  bool exists() const { return !json_.is_null(); }
  JsonReader root() const { return JsonReader(json_, name_); }
  /// Place of the added tokens, for messages.
  JsonReader where() const;
  const StoredTokens& tokens() const { return tokens_; }
  /// Whether a part is of type ByteLevel.
  bool is_byte_level() const;
  /// Normalization table (base64); null if there is none.
  nlohmann::json charsmap() const;
  /// Null if the file does not have one.
  std::unique_ptr<const PostProcessor> post_processor(const AddedVocabulary& vocabulary) const;
  /// Moves vocabulary and merges into the model that a class describes.
  /// \throws InputError if the class needs a model of another type
  void take_vocabulary(const TokenizerClass& kind, const TokenizerSettings& settings,
                       nlohmann::json& model);

 private:
  void read();

  nlohmann::json json_;
  std::string name_;
  StoredTokens tokens_;
};

}  // namespace lensbench
