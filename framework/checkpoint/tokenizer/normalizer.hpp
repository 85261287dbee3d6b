#pragma once

#include <memory>

#include "checkpoint/tokenizer/aligned_text.hpp"
#include "checkpoint/tokenizer/json_field.hpp"

namespace lensbench {

/// Rewrites text before it is split.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual AlignedText normalize(AlignedText text) const = 0;
};

/// NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, StripAccents, Sequence.
/// \throws InputError for any other type
std::unique_ptr<const Normalizer> read_normalizer(const JsonField& field);

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };
std::unique_ptr<const Normalizer> unicode_normalizer(UnicodeForm form);

}  // namespace lensbench
