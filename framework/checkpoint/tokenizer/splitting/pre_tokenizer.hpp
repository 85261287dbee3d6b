#pragma once

#include <memory>
#include <vector>

#include "checkpoint/tokenizer/splitting/pattern.hpp"
#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// Splits text into words, which the model then tokenizes one by one.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
  /// Whether the characters of the words represent bytes (byte_alphabet.hpp).
  virtual bool is_byte_level() const { return false; }
};

/// Reads a pre-tokenizer of type ByteLevel, Split, Sequence, Digits, Whitespace, WhitespaceSplit,
/// Metaspace, Punctuation, BertPreTokenizer or CharDelimiterSplit.
/// \throws InputError for any other type
std::unique_ptr<const PreTokenizer> read_pre_tokenizer(const JsonReader& field);

/// Treatment of the text that a pattern matches.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Splits each part at the matches of a pattern or, with `invert`, at the text between the matches.
class Split final : public PreTokenizer {
 public:
  Split(std::unique_ptr<const Pattern> pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(Pieces& pieces) const override;

 private:
  std::unique_ptr<const Pattern> pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

/// Splits by the GPT-2 expression if `use_regex`, then replaces bytes by the characters that
/// represent them (byte_alphabet.hpp).
std::unique_ptr<const PreTokenizer> byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex);

/// Splits as BERT does: at white space, and around every punctuation character.
std::unique_ptr<const PreTokenizer> bert_pre_tokenizer();

/// Pre-tokenizer that applies steps one after another.
std::unique_ptr<const PreTokenizer> pre_tokenizer_sequence(
    std::vector<std::unique_ptr<const PreTokenizer>> steps);

}  // namespace lensbench
