#include "checkpoint/tokenizer/normalizer.hpp"

#include <utf8proc.h>

#include "checkpoint/tokenizer/pattern.hpp"
#include "checkpoint/tokenizer/utf8.hpp"

namespace lensbench {
namespace {

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
    if (copied == 0) return text;
    result.append(text, {copied, text.text.size()});
    return result;
  }

 private:
  std::unique_ptr<const Pattern> pattern_;
  std::string content_;
};

/// Rewrites character by character; every result stands for what its character stood for.
class CharacterMap final : public Normalizer {
 public:
  using Map = void (*)(char32_t, std::string&);
  explicit CharacterMap(Map map) : map_(map) {}

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
  Map map_;
};

void append_lowercase(char32_t character, std::string& out) {
  if (character == 0x130) {  // the one character whose lowercase is two, in any language
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
    std::size_t first = text.text.size(), last = 0;  // [first, last) spans what is no white space
    for (std::size_t at = 0; at < text.text.size();) {
      const Utf8Unit unit = read_utf8(std::string_view(text.text).substr(at));
      if (!is_white_space(unit.character)) {
        first = std::min(first, at);
        last = at + unit.length;
      }
      at += unit.length;
    }
    AlignedText result;
    const Span kept = {left_ ? first : 0, right_ ? last : text.text.size()};
    if (kept.begin < kept.end) result.append(text, kept);
    return result;
  }

 private:
  bool left_, right_;
};

class Sequence final : public Normalizer {
 public:
  explicit Sequence(const JsonField& steps) {
    for (std::size_t i = 0; i < steps.size(); ++i) steps_.push_back(read_normalizer(steps.at(i)));
  }

  AlignedText normalize(AlignedText text) const override {
    for (const auto& step : steps_) text = step->normalize(std::move(text));
    return text;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

}  // namespace

std::unique_ptr<const Normalizer> read_normalizer(const JsonField& field) {
  const JsonField kind = field.at("type");
  const std::string& type = kind.string();
  if (type == "NFC") return unicode_normalizer(UnicodeForm::nfc);
  if (type == "NFD") return unicode_normalizer(UnicodeForm::nfd);
  if (type == "NFKC") return unicode_normalizer(UnicodeForm::nfkc);
  if (type == "NFKD") return unicode_normalizer(UnicodeForm::nfkd);
  if (type == "Prepend") return std::make_unique<Prepend>(field.at("prepend").string());
  if (type == "Replace")
    return std::make_unique<Replace>(read_pattern(field.at("pattern")),
                                     field.at("content").string());
  if (type == "Lowercase") return std::make_unique<CharacterMap>(append_lowercase);
  if (type == "StripAccents") return std::make_unique<CharacterMap>(append_unless_mark);
  if (type == "Strip")
    return std::make_unique<Strip>(field.boolean_or("strip_left", true),
                                   field.boolean_or("strip_right", true));
  if (type == "Sequence") return std::make_unique<Sequence>(field.at("normalizers"));
  kind.fail("the normalizer '" + type +
            "' is not supported (NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, "
            "StripAccents and Sequence are)");
}

}  // namespace lensbench
