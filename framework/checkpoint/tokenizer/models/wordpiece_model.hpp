#pragma once

#include <memory>
#include <string>

#include "checkpoint/tokenizer/models/token_model.hpp"

namespace lensbench {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  std::size_t longest_word = 100;  ///< in characters; a longer word becomes the unknown token
};

/// BERT's greedy tokenization, which takes the longest matching token at each position. A word that
/// cannot be split in this way becomes one unknown token.
class WordPieceModel final : public TokenModel {
 public:
  /// \param file  named in messages
  WordPieceModel(Vocabulary vocabulary, WordPieceOptions options, std::string file);

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override;
  std::string description() const override { return "WordPiece"; }

 private:
  std::optional<ModelToken> longest_token(std::string_view word, std::size_t begin) const;
  ModelToken unknown(std::string_view word) const;

  Vocabulary vocabulary_;
  WordPieceOptions options_;
  std::string file_;
  std::optional<std::int64_t> unk_id_;
  std::size_t longest_token_ = 0;  // in bytes, including the prefix
};

std::unique_ptr<const TokenModel> read_wordpiece_model(const JsonReader& field);

}  // namespace lensbench
