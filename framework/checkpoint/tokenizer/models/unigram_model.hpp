#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/models/prefix_tree.hpp"
#include "checkpoint/tokenizer/models/token_model.hpp"

namespace lensbench {

/// Kudo's unigram language model (SentencePiece): splits a word into the tokens with the largest
/// sum of scores (log probabilities), which the Viterbi algorithm finds.
class UnigramModel final : public TokenModel {
 public:
  /// \param scores  scores by token id
  /// \param file  named in messages
  UnigramModel(Vocabulary vocabulary, std::vector<double> scores,
               std::optional<std::int64_t> unk_id, bool byte_fallback, std::string file);

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override;
  std::string description() const override;

 private:
  struct Node;
  std::vector<Node> best_paths(std::string_view word) const;
  void add_part(std::string_view word, Span range, std::vector<ModelToken>& tokens) const;
  std::int64_t require_unknown(std::string_view text) const;

  Vocabulary vocabulary_;
  std::vector<double> scores_;
  double unknown_score_ = 0.0;
  std::optional<std::int64_t> unk_id_;
  std::optional<std::array<std::int64_t, 256>> byte_ids_;  // set with byte fallback
  std::string file_;
  PrefixTree tree_;
};

std::unique_ptr<const TokenModel> read_unigram_model(const JsonReader& field);

}  // namespace lensbench
