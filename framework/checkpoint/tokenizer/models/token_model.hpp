#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/tokenizer/models/vocabulary.hpp"
#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

struct ModelToken {
  std::int64_t id;
  Span range;  ///< range of bytes in the word
};

/// Splits one word into tokens. Each kind (BPE, WordPiece, Unigram) has a file of its own and a
/// line in read_token_model.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual const Vocabulary& vocabulary() const = 0;
  /// Appends the tokens of `word`.
  /// \throws InputError for text outside the vocabulary if the model does not have an unknown token
  virtual void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const = 0;
  /// Description of the model for users: `BPE`, `BPE with byte fallback`.
  virtual std::string description() const = 0;
};

/// Reads the field `model` of a tokenizer.json. \throws InputError with file and field
std::unique_ptr<const TokenModel> read_token_model(const JsonReader& field);

/// Reads an object of tokens and ids.
/// \throws InputError for ids that are not integers, too large, or not unique
Vocabulary read_vocabulary(const JsonReader& field);

}  // namespace lensbench
