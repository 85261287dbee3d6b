#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "checkpoint/tokenizer/models/pair_table.hpp"
#include "checkpoint/tokenizer/models/token_model.hpp"

namespace lensbench {

struct BpeOptions {
  std::string unk_token;  ///< empty without an unknown token
  std::string continuing_subword_prefix;
  std::string end_of_word_suffix;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
};

/// Byte-pair encoding: merges pairs of adjacent symbols, beginning with characters, in order of the
/// rank of the merge.
class BpeModel final : public TokenModel {
 public:
  /// \param where  field of the vocabulary, for messages
  BpeModel(Vocabulary vocabulary, BpeOptions options, const JsonReader& where);

  /// Adds the merge of the next rank.
  /// \throws InputError with the field `where` if a token is not in the vocabulary
  void add_merge(std::string_view first, std::string_view second, const JsonReader& where);
  void reserve_merges(std::size_t count) { merges_.reserve(count); }

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override;
  std::string description() const override;

 private:
  struct Symbol {
    std::uint32_t id;
    std::uint32_t length;  // in bytes; 0 after the symbol was merged into the previous one
    std::int32_t previous, next;
  };
  class Word;

  std::vector<Symbol> characters_of(std::string_view word) const;
  std::int64_t find_character(std::string_view character, bool first, bool last) const;
  bool add_bytes(std::string_view character, Word& word) const;
  void merge_all(std::vector<Symbol>& symbols) const;

  std::string name_;  // name of the file, for messages
  Vocabulary vocabulary_;
  BpeOptions options_;
  std::int64_t unk_id_ = kNoToken;
  std::array<std::int64_t, 256> byte_ids_;  // ids of <0x00> to <0xFF>; kNoToken if missing
  PairTable merges_;
  std::uint32_t next_rank_ = 0;
};

std::unique_ptr<const TokenModel> read_bpe_model(const JsonReader& field);

/// Adds a merge in the form "a b". \throws InputError if the line is not two tokens
void add_merge_line(BpeModel& model, std::string_view line, const JsonReader& where);

}  // namespace lensbench
