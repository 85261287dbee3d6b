#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// Rewrites text before it is split into words.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual AlignedText normalize(AlignedText text) const = 0;
};

/// Reads a normalizer of type NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip,
/// StripAccents, BertNormalizer, Precompiled, Nmt, ByteLevel or Sequence.
/// \throws InputError for any other type
std::unique_ptr<const Normalizer> read_normalizer(const JsonReader& field);

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };
std::unique_ptr<const Normalizer> unicode_normalizer(UnicodeForm form);

/// Function that appends the replacement of a character to a string. The replacement represents the
/// bytes of the original text that the character represented.
using CharacterMap = void (*)(char32_t, std::string&);
std::unique_ptr<const Normalizer> character_map(CharacterMap map);
std::unique_ptr<const Normalizer> lowercase_normalizer();

/// Normalizer that applies steps one after another.
std::unique_ptr<const Normalizer> normalizer_sequence(
    std::vector<std::unique_ptr<const Normalizer>> steps);

struct BertNormalization {
  bool clean_text = true;          ///< drop invisible characters, replace white space by a space
  bool chinese_characters = true;  ///< add a space before and after each Chinese character
  bool strip_accents = true;
  bool lowercase = true;
};
std::unique_ptr<const Normalizer> bert_normalizer(const BertNormalization& options);

/// Reads SentencePiece's normalization table (`precompiled_charsmap`, base64): a double-array trie
/// of strings and their replacements. \throws InputError with the field
std::unique_ptr<const Normalizer> read_precompiled_normalizer(const JsonReader& charsmap);

}  // namespace lensbench
