#include "checkpoint/tokenizer/normalizers/normalizer.hpp"
#include "checkpoint/tokenizer/text/character_classes.hpp"
#include "core/text/utf8.hpp"

// BertNormalizer of Hugging Face tokenizers: four steps, each optional, in a fixed order. Accents
// are removed from the decomposed text, where they are characters of their own.

namespace lensbench {
namespace {

void append_visible(char32_t character, std::string& out) {
  if (is_invisible(character)) return;
  append_utf8(out, is_white_space(character) ? U' ' : character);
}

/// Whether a character is in the CJK blocks of the reference library, which starts one of them
/// later than Unicode does (U+2B920 instead of U+2B820).
bool is_chinese(char32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

/// A space on both sides, which makes each Chinese character a word.
void append_with_spaces(char32_t character, std::string& out) {
  const bool chinese = is_chinese(character);
  if (chinese) out += ' ';
  append_utf8(out, character);
  if (chinese) out += ' ';
}

void append_unless_nonspacing(char32_t character, std::string& out) {
  if (!is_nonspacing_mark(character)) append_utf8(out, character);
}

}  // namespace

// The order decides: a character that is dropped first does not get spaces.
std::unique_ptr<const Normalizer> bert_normalizer(const BertNormalization& options) {
  std::vector<std::unique_ptr<const Normalizer>> steps;
  if (options.clean_text) steps.push_back(character_map(append_visible));
  if (options.chinese_characters) steps.push_back(character_map(append_with_spaces));
  if (options.strip_accents) {
    steps.push_back(unicode_normalizer(UnicodeForm::nfd));
    steps.push_back(character_map(append_unless_nonspacing));
  }
  if (options.lowercase) steps.push_back(lowercase_normalizer());
  return normalizer_sequence(std::move(steps));
}

}  // namespace lensbench
