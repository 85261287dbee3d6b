#pragma once

#include <memory>
#include <vector>

#include "checkpoint/tokenizer/splitting/pattern.hpp"
#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// Splits text into the words that the model then tokenizes one by one.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
  /// Whether words come out as stand-ins of their bytes (byte_alphabet.hpp).
  virtual bool is_byte_level() const { return false; }
};

/// ByteLevel, Split, Sequence, Digits, Whitespace, WhitespaceSplit, Metaspace, Punctuation,
/// BertPreTokenizer, CharDelimiterSplit.
/// \throws InputError for any other type
std::unique_ptr<const PreTokenizer> read_pre_tokenizer(const JsonReader& field);

/// What becomes of the text a pattern matched.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Splits each part at the matches of a pattern, or (invert) at what lies between them.
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

/// Byte-level words: split by the GPT-2 expression if `use_regex`, bytes as their stand-ins.
std::unique_ptr<const PreTokenizer> byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex);

/// Words of BERT: split at white space, every punctuation character a word of its own.
std::unique_ptr<const PreTokenizer> bert_pre_tokenizer();

/// One after the other.
std::unique_ptr<const PreTokenizer> pre_tokenizer_sequence(
    std::vector<std::unique_ptr<const PreTokenizer>> steps);

}  // namespace lensbench
