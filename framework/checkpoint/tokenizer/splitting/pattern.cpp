#define PCRE2_CODE_UNIT_WIDTH 8
#include "checkpoint/tokenizer/splitting/pattern.hpp"

#include <pcre2.h>

#include <lensbench/error.hpp>
#include <stdexcept>

#include "core/text/utf8.hpp"

// Patterns that split texts. Expressions of tokenizer files are translated first
// (regex_translation.cpp); PCRE2 then matches them with Unicode properties, by code compiled at run
// time where the processor allows it.

namespace lensbench {
namespace {

/// A fixed text. Empty texts are refused by the reader, since they would match everywhere.
class LiteralPattern final : public Pattern {
 public:
  explicit LiteralPattern(std::string text) : text_(std::move(text)) {}

  void find_all(std::string_view text, const Visitor& visit) const override {
    for (std::size_t at = text.find(text_); at != std::string_view::npos;
         at = text.find(text_, at + text_.size()))
      visit({at, at + text_.size()});
  }

 private:
  std::string text_;
};

/// Each character of a class is a match of its own.
class CharacterPattern final : public Pattern {
 public:
  explicit CharacterPattern(bool (*is_member)(char32_t)) : is_member_(is_member) {}

  void find_all(std::string_view text, const Visitor& visit) const override {
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Unit unit = read_utf8(text.substr(at));
      if (is_member_(unit.character)) visit({at, at + unit.length});
      at += unit.length;
    }
  }

 private:
  bool (*is_member_)(char32_t);
};

struct FreePcre2 {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::string pcre2_message(int code) {
  PCRE2_UCHAR message[256];
  pcre2_get_error_message(code, message, sizeof message);
  return reinterpret_cast<const char*>(message);
}

/// A regular expression of PCRE2. `\C` is refused, because it matches a byte within a character.
class RegexPattern final : public Pattern {
 public:
  explicit RegexPattern(std::string_view pcre2) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pcre2.data()), pcre2.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
                              nullptr));
    if (!code_) throw std::logic_error(pcre2_message(error));
    // A failure of the JIT compiler is ignored, because the interpreter gives equal matches.
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }

  /// Whether the pattern can match an empty text, which its users do not expect (`find_all`).
  bool may_match_nothing() const {
    std::uint32_t empty = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_MATCHEMPTY, &empty);
    return empty != 0;
  }

  void find_all(std::string_view text, const Visitor& visit) const override {
    // One match object for each call, so that several threads may use one pattern.
    const std::unique_ptr<pcre2_match_data, FreePcre2> match(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    if (!match) throw RunError("out of memory while splitting a text");
    for (std::size_t at = 0; at < text.size();) {
      if (!find_next(text, at, match.get())) return;
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
      if (bounds[1] > bounds[0]) visit({bounds[0], bounds[1]});
      // After an empty match the search goes on at the next character, or it would not end.
      at = bounds[1] > at ? bounds[1] : at + utf8_length(text[at]);
    }
  }

 private:
  /// Finds the next match from byte `at` on.
  /// \return false if there is none \throws InputError if PCRE2 gives up
  bool find_next(std::string_view text, std::size_t at, pcre2_match_data* match) const {
    // The text is valid UTF-8; a check by PCRE2 at each match would take quadratic time.
    const auto find = [&](std::uint32_t options) {
      return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                         PCRE2_NO_UTF_CHECK | options, match, nullptr);
    };
    int result = find(0);
    // The interpreter uses the heap for what did not fit on the stack of the compiled code.
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = find(PCRE2_NO_JIT);
    if (result == PCRE2_ERROR_NOMATCH) return false;
    if (result < 0)
      throw InputError("the tokenizer's split pattern failed at byte " + std::to_string(at) +
                       " of the text: " + pcre2_message(result));
    return true;
  }

  std::unique_ptr<pcre2_code, FreePcre2> code_;
};

}  // namespace

std::unique_ptr<const Pattern> literal_pattern(std::string text) {
  return std::make_unique<LiteralPattern>(std::move(text));
}

std::unique_ptr<const Pattern> character_pattern(bool (*is_member)(char32_t)) {
  return std::make_unique<CharacterPattern>(is_member);
}

std::unique_ptr<const Pattern> internal_pattern(std::string_view pcre2) {
  return std::make_unique<RegexPattern>(pcre2);
}

std::unique_ptr<const Pattern> read_pattern(const JsonReader& field) {
  if (const auto text = field.find("String")) {
    if (text->string().empty()) text->fail("the string to search for is empty; expected a text");
    return literal_pattern(text->string());
  }
  const JsonReader regex = field.at("Regex");
  const std::string translated = translate_regex(regex);
  // Faults that the translation does not check, such as a descending range, are reported by PCRE2.
  try {
    auto pattern = std::make_unique<RegexPattern>(translated);
    if (pattern->may_match_nothing())
      regex.fail("the regular expression \"" + regex.string() + "\" may match an empty text");
    return pattern;
  } catch (const std::logic_error& error) {
    regex.fail("the regular expression \"" + regex.string() + "\" is malformed: " + error.what());
  }
}

}  // namespace lensbench
