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
  Span range;  ///< bytes of the word
};

/// Turns one word into tokens. Each kind (BPE, WordPiece, Unigram) is one file and one line in
/// read_token_model.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual const Vocabulary& vocabulary() const = 0;
  /// Appends the tokens of `word`.
  /// \throws InputError if a character has no token and there is none for unknown ones
  virtual void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const = 0;
  /// What the model is, for people: `BPE`, `BPE with byte fallback`.
  virtual std::string description() const = 0;
};

/// The `model` field of a tokenizer.json. \throws InputError naming file and field
std::unique_ptr<const TokenModel> read_token_model(const JsonReader& field);

/// An object of tokens and ids. \throws InputError for ids that are no small integers or occur
/// twice
Vocabulary read_vocabulary(const JsonReader& field);

}  // namespace lensbench
