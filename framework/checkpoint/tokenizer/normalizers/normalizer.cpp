#include "checkpoint/tokenizer/normalizers/normalizer.hpp"

#include <utf8proc.h>

#include "checkpoint/tokenizer/models/byte_alphabet.hpp"
#include "checkpoint/tokenizer/splitting/pattern.hpp"
#include "checkpoint/tokenizer/text/character_classes.hpp"
#include "core/text/utf8.hpp"

// Normalizers of Hugging Face tokenizers. Each keeps for every new character the range of the
// original text that it represents, so that tokens have offsets in the text of the user.

namespace lensbench {
namespace {

/// Text before the whole text; it represents the first character. An empty text remains empty.
class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}

  AlignedText normalize(AlignedText text) const override {
    if (text.text.empty()) return text;
    AlignedText result;
    result.append(prefix_, text.source.front());
    result.append(text, {0, text.text.size()});
    return result;
  }

 private:
  std::string prefix_;
};

/// Replaces all matches of a pattern; the new text represents the last character of the match.
class Replace final : public Normalizer {
 public:
  Replace(std::unique_ptr<const Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  AlignedText normalize(AlignedText text) const override {
    AlignedText result;
    std::size_t copied = 0;
    pattern_->find_all(text.text, [&](Span match) {
      result.append(text, {copied, match.begin});
      result.append(content_, text.source[match.end - 1]);
      copied = match.end;
    });
    // Without a match the text is not copied.
    if (copied == 0) return text;
    result.append(text, {copied, text.text.size()});
    return result;
  }

 private:
  std::unique_ptr<const Pattern> pattern_;
  std::string content_;
};

/// Replaces each character by a text, which may be empty.
class MappedCharacters final : public Normalizer {
 public:
  explicit MappedCharacters(CharacterMap map) : map_(map) {}

  AlignedText normalize(AlignedText text) const override {
    AlignedText result;
    std::string mapped;
    for (std::size_t at = 0; at < text.text.size();) {
      const Utf8Unit unit = read_utf8(std::string_view(text.text).substr(at));
      mapped.clear();
      map_(unit.character, mapped);
      result.append(mapped, text.source[at]);
      at += unit.length;
    }
    return result;
  }

 private:
  CharacterMap map_;
};

/// Lower case of one character, without regard to its neighbours and to the language.
void append_lowercase(char32_t character, std::string& out) {
  if (character == 0x130) {  // the only character whose lower case is two characters
    append_utf8(out, U'i');
    append_utf8(out, 0x307);
    return;
  }
  append_utf8(out,
              static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character))));
}

void append_unless_mark(char32_t character, std::string& out) {
  if (!is_mark(character)) append_utf8(out, character);
}

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  AlignedText normalize(AlignedText text) const override {
    std::size_t first = text.text.size(), last = 0;  // [first, last) is the text without margins
    for (std::size_t at = 0; at < text.text.size();) {
      const Utf8Unit unit = read_utf8(std::string_view(text.text).substr(at));
      if (!is_white_space(unit.character)) {
        first = std::min(first, at);
        last = at + unit.length;
      }
      at += unit.length;
    }
    AlignedText result;
    // Nothing is kept of a text of white space alone: `first` is its end then and `last` its begin.
    const Span kept = {left_ ? first : 0, right_ ? last : text.text.size()};
    if (kept.begin < kept.end) result.append(text, kept);
    return result;
  }

 private:
  bool left_, right_;
};

/// Normalization of Google's neural machine translation (NMT): drops control characters and
/// replaces white space and format characters by a space.
void append_nmt(char32_t c, std::string& out) {
  if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
      c == 0x9F)
    return;
  const bool space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                     (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                     c == 0xFEFF || c == 0xFFFD;
  append_utf8(out, space ? U' ' : c);
}

/// Each byte as the character that represents it, as the pre-tokenizer ByteLevel does.
void append_byte_characters(char32_t character, std::string& out) {
  std::string bytes;
  append_utf8(bytes, character);
  for (const char byte : bytes)
    append_utf8(out, byte_to_character(static_cast<unsigned char>(byte)));
}

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<const Normalizer>> steps)
      : steps_(std::move(steps)) {}

  AlignedText normalize(AlignedText text) const override {
    for (const auto& step : steps_) text = step->normalize(std::move(text));
    return text;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

std::unique_ptr<const Normalizer> read_normalizers(const JsonReader& field) {
  std::vector<std::unique_ptr<const Normalizer>> steps;
  for (std::size_t i = 0; i < field.size(); ++i) steps.push_back(read_normalizer(field.at(i)));
  return normalizer_sequence(std::move(steps));
}

/// In the reference library, accents are stripped by default if the text is made lower case.
std::unique_ptr<const Normalizer> read_bert_normalizer(const JsonReader& field) {
  BertNormalization options;
  options.clean_text = field.boolean_or("clean_text", true);
  options.chinese_characters = field.boolean_or("handle_chinese_chars", true);
  options.lowercase = field.boolean_or("lowercase", true);
  options.strip_accents = field.boolean_or("strip_accents", options.lowercase);
  return bert_normalizer(options);
}

}  // namespace

std::unique_ptr<const Normalizer> character_map(CharacterMap map) {
  return std::make_unique<MappedCharacters>(map);
}

std::unique_ptr<const Normalizer> lowercase_normalizer() {
  return character_map(append_lowercase);
}

std::unique_ptr<const Normalizer> normalizer_sequence(
    std::vector<std::unique_ptr<const Normalizer>> steps) {
  return std::make_unique<NormalizerSequence>(std::move(steps));
}

namespace {

/// A normalizer of Unicode by its name; null for another name.
std::unique_ptr<const Normalizer> unicode_normalizer_of(const std::string& type) {
  if (type == "NFC") return unicode_normalizer(UnicodeForm::nfc);
  if (type == "NFD") return unicode_normalizer(UnicodeForm::nfd);
  if (type == "NFKC") return unicode_normalizer(UnicodeForm::nfkc);
  if (type == "NFKD") return unicode_normalizer(UnicodeForm::nfkd);
  return nullptr;
}

}  // namespace

/// Reads the type first: each type has its own fields. An unknown type is an error, since leaving a
/// step out would give other tokens.
std::unique_ptr<const Normalizer> read_normalizer(const JsonReader& field) {
  const JsonReader kind = field.at("type");
  const std::string& type = kind.string();
  if (auto normalizer = unicode_normalizer_of(type)) return normalizer;
  if (type == "Prepend") return std::make_unique<Prepend>(field.at("prepend").string());
  if (type == "Replace")
    return std::make_unique<Replace>(read_pattern(field.at("pattern")),
                                     field.at("content").string());
  if (type == "Lowercase") return lowercase_normalizer();
  if (type == "StripAccents") return character_map(append_unless_mark);
  if (type == "Strip")
    return std::make_unique<Strip>(field.boolean_or("strip_left", true),
                                   field.boolean_or("strip_right", true));
  if (type == "BertNormalizer") return read_bert_normalizer(field);
  if (type == "Precompiled") return read_precompiled_normalizer(field.at("precompiled_charsmap"));
  if (type == "Nmt") return character_map(append_nmt);
  if (type == "ByteLevel") return character_map(append_byte_characters);
  if (type == "Sequence") return read_normalizers(field.at("normalizers"));
  kind.fail("the normalizer '" + type +
            "' is not supported (NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, "
            "StripAccents, BertNormalizer, Precompiled, Nmt, ByteLevel and Sequence are)");
}

}  // namespace lensbench
