#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// Rewrites text before it is split.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual AlignedText normalize(AlignedText text) const = 0;
};

/// NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, StripAccents, BertNormalizer,
/// Precompiled, Nmt, ByteLevel, Sequence.
/// \throws InputError for any other type
std::unique_ptr<const Normalizer> read_normalizer(const JsonReader& field);

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };
std::unique_ptr<const Normalizer> unicode_normalizer(UnicodeForm form);

/// Rewrites character by character: appends what a character becomes to the string. Every result
/// stands for what its character stood for.
using CharacterMap = void (*)(char32_t, std::string&);
std::unique_ptr<const Normalizer> character_map(CharacterMap map);
std::unique_ptr<const Normalizer> lowercase_normalizer();

/// One after the other.
std::unique_ptr<const Normalizer> normalizer_sequence(
    std::vector<std::unique_ptr<const Normalizer>> steps);

struct BertNormalization {
  bool clean_text = true;          ///< drop invisible characters, make white space a space
  bool chinese_characters = true;  ///< a space before and after each
  bool strip_accents = true;
  bool lowercase = true;
};
std::unique_ptr<const Normalizer> bert_normalizer(const BertNormalization& options);

/// SentencePiece's normalization table (`precompiled_charsmap`, base64): a double array of strings
/// and what each becomes. \throws InputError naming the field
std::unique_ptr<const Normalizer> read_precompiled_normalizer(const JsonReader& charsmap);

}  // namespace lensbench
