#include <algorithm>
#include <array>
#include <cstdio>

#include "checkpoint/tokenizer/splitting/pattern.hpp"
#include "checkpoint/tokenizer/text/character_classes.hpp"
#include "core/text/printable.hpp"
#include "core/text/utf8.hpp"

// Translation of regular expressions from Oniguruma, which Hugging Face tokenizers use, to PCRE2.
// The dialects agree in form and differ in meaning in several places (white space, scripts,
// repetition of repetitions), so each construct is recognised and written anew, or refused.

namespace lensbench {
namespace {

// Members of \s in Oniguruma; \s of PCRE2 has U+180E in addition.
constexpr const char* kWhiteSpace =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
    "\\x{205f}\\x{3000}";

// General categories, which both libraries define by the Unicode standard.
constexpr std::array kCategories = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc",
                                    "Me", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Ps",
                                    "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk", "So",
                                    "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf"};
constexpr std::array kScripts = {"Han",  "Hiragana", "Katakana", "Hangul", "Latin",
                                 "Thai", "Cyrillic", "Greek",    "Arabic", "Hebrew"};

/// Recursive-descent translator. It writes only constructs that it has recognised, each in a form
/// of PCRE2 with the meaning that Oniguruma gives it (every literal as a code point), and refuses
/// all others: an unknown construct is an error, never a silently different split. It also refuses
/// repeated groups, whose backtracking can take exponential time.
class Translator {
 public:
  explicit Translator(const JsonReader& field) : field_(field), in_(field.string()) {}

  std::string run() {
    alternatives();
    if (!done()) refuse("an unmatched ')'");
    return out_;
  }

 private:
  // Kind of the last element, which decides whether and how it may be repeated.
  enum class Atom { none, character, group, lookaround };

  bool done() const { return at_ >= in_.size(); }
  bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  bool take(std::string_view text) {
    if (!next_is(text)) return false;
    at_ += text.size();
    return true;
  }

  [[noreturn]] void refuse(const std::string& what) const {
    field_.fail("the regular expression \"" + printable(in_) + "\" is not supported: " + what +
                " at byte " + std::to_string(at_) +
                " (accepted are constructs with equal meaning in Oniguruma and PCRE2 and with "
                "bounded time)");
  }

  /// Alternatives up to the end of their group. The depth limits the recursion, since the
  /// expression comes from a file.
  void alternatives() {
    if (++depth_ > 16) refuse("more than 16 nested groups");
    while (!done() && !next_is(")")) {
      if (take("|")) {
        out_ += '|';
        continue;
      }
      quantifier(atom());
    }
    --depth_;
  }

  /// One element without its repetition. Characters with a special meaning are refused unless a
  /// branch before has taken them.
  Atom atom() {
    if (next_is("(")) return group();
    if (take("[")) {
      character_class();
      return Atom::character;
    }
    if (take("\\")) {
      escape(false);
      return Atom::character;
    }
    if (next_is(".") || next_is("^") || next_is("$") || next_is("*") || next_is("+") ||
        next_is("?") || next_is("{") || next_is("]") || next_is("}"))
      refuse(std::string("'") + in_[at_] + "'");
    literal();
    return Atom::character;
  }

  void literal() {
    const Utf8Unit unit = read_utf8(in_.substr(at_));
    put(unit.character);
    at_ += unit.length;
  }

  /// Writes a code point by its number, so that no character has a special meaning in PCRE2.
  void put(char32_t character) {
    character_ = character;
    char code[16];
    std::snprintf(code, sizeof code, "\\x{%x}", static_cast<unsigned>(character));
    out_ += code;
  }

  /// Groups are written without capture, since only the whole match is used. Lookbehind, atomic and
  /// named groups are refused.
  Atom group() {
    Atom kind = Atom::group;
    if (take("(?i:")) {
      out_ += "(?i:";
    } else if (take("(?:") || (!next_is("(?") && take("("))) {
      out_ += "(?:";
    } else if (next_is("(?!") || next_is("(?=")) {
      out_ += in_.substr(at_, 3);
      at_ += 3;
      kind = Atom::lookaround;
    } else {
      refuse("this kind of group");
    }
    alternatives();
    if (!take(")")) refuse("a group without ')'");
    out_ += ')';
    return kind;
  }

  /// A repeated group can take exponential time and is refused, unless it is only optional.
  void quantifier(Atom atom) {
    const bool braces = next_is("{");
    if (!braces && !next_is("?") && !next_is("*") && !next_is("+")) return;
    if (atom == Atom::lookaround) refuse("a repeated lookahead");
    if (atom == Atom::group && !next_is("?")) refuse("a repeated group");
    if (braces) {
      interval();
      // In Ruby syntax, X{n,m}+ means (X{n,m})+ and X{n}? means (X{n})?; in PCRE2 they are the
      // possessive and the lazy form.
      if (next_is("?") || next_is("+") || next_is("*")) refuse("a repetition of a repetition");
      return;
    }
    out_ += in_[at_++];
    if (next_is("?") || next_is("+")) out_ += in_[at_++];
    if (next_is("?") || next_is("+") || next_is("*") || next_is("{"))
      refuse("a repetition of a repetition");
  }

  /// `{n}`, `{n,}` or `{n,m}` with numbers of at most three digits.
  void interval() {
    const std::size_t end = in_.find('}', at_);
    if (end == std::string_view::npos) refuse("'{'");
    const std::string_view body = in_.substr(at_ + 1, end - at_ - 1);
    const std::size_t comma = body.find(',');
    const auto number = [&](std::string_view digits) {
      return !digits.empty() && digits.size() <= 3 &&
             digits.find_first_not_of("0123456789") == std::string_view::npos;
    };
    const bool ok = comma == std::string_view::npos
                        ? number(body)
                        : number(body.substr(0, comma)) &&
                              (comma + 1 == body.size() || number(body.substr(comma + 1)));
    if (!ok) refuse("'{'");
    out_ += in_.substr(at_, end + 1 - at_);
    at_ = end + 1;
  }

  /// A class in brackets. Set operations and POSIX classes are refused by `class_members`.
  void character_class() {
    out_ += '[';
    if (take("^")) out_ += '^';
    if (next_is("]")) refuse("an empty class");
    class_members();
    out_ += ']';
  }

  // Kind of the last member of a class, which decides what a '-' after it means.
  enum class Member { none, character, range, nested_class, escaped_class };

  /// Translates the members of a class, including the final ']'. A nested class adds its members.
  /// The depth limits the recursion, since the expression comes from a file.
  void class_members() {
    if (++class_depth_ > 16) refuse("more than 16 nested classes");
    for (Member last = Member::none; !take("]");) {
      if (done()) refuse("a class without ']'");
      if (next_is("&&") || next_is("[^") || next_is("[:") || next_is("[]") || next_is("[-"))
        refuse("this kind of class inside a class");
      if (take("[")) {
        class_members();
        last = Member::nested_class;
      } else if (next_is("-") && !next_is("-]") && last == Member::escaped_class) {
        refuse("a range that starts with a class");
      } else if (next_is("-") && !next_is("-]") && last == Member::character) {
        range_end();
        last = Member::range;
      } else {
        // A '-' at the start or end, after a range or after a nested class means itself.
        last = class_character() ? Member::character : Member::escaped_class;
      }
    }
    --class_depth_;
  }

  /// The '-' and the end of a range, whose start is written.
  void range_end() {
    const char32_t start = character_;
    out_ += '-';
    ++at_;
    if (next_is("[") || !class_character()) refuse("a range that ends with a class");
    if (character_ < start) refuse("a range that ends before its start");
  }

  /// One member of a class that is not a class in brackets.
  /// \return false for an escape that means several characters, such as `\s`
  bool class_character() {
    if (take("\\")) return escape(true);
    if (done()) refuse("a class without ']'");
    literal();
    return true;
  }

  /// An escape outside or inside of a class. Letters whose meaning differs or that are not needed
  /// are refused. \return whether it means one character
  bool escape(bool in_class) {
    if (done()) refuse("a '\\' at the end");
    const char c = in_[at_];
    if (c == 'p' || c == 'P') {
      property();
      return false;
    }
    bool one = false;
    if (c == 's') {
      out_ += in_class ? kWhiteSpace : "[" + std::string(kWhiteSpace) + "]";
    } else if (c == 'S' && !in_class) {
      out_ += "[^" + std::string(kWhiteSpace) + "]";
    } else if (c == 'd') {
      out_ += "\\p{Nd}";
    } else if (c == 'r' || c == 'n' || c == 't') {
      put(c == 'r' ? U'\r' : c == 'n' ? U'\n' : U'\t');
      one = true;
      // An escaped punctuation character means itself in both dialects.
    } else if (static_cast<unsigned char>(c) < 0x80 && is_punctuation(static_cast<char32_t>(c))) {
      put(static_cast<char32_t>(c));
      one = true;
    } else {
      refuse(std::string("'\\") + c + "'");
    }
    ++at_;
    return one;
  }

  void property() {
    const bool negated = in_[at_++] == 'P';
    const std::size_t end = in_.find('}', at_);
    if (!next_is("{") || end == std::string_view::npos) refuse("'\\p' without '{…}'");
    const std::string_view name = in_.substr(at_ + 1, end - at_ - 1);
    out_ += negated ? "\\P{" : "\\p{";
    // Without "sc:", PCRE2 would include the script extensions.
    if (std::ranges::find(kScripts, name) != kScripts.end())
      out_ += "sc:";
    else if (std::ranges::find(kCategories, name) == kCategories.end())
      refuse("the property '" + std::string(name) + "'");
    out_ += std::string(name) + "}";
    at_ = end + 1;
  }

  const JsonReader& field_;
  std::string_view in_;
  std::size_t at_ = 0;
  int depth_ = 0, class_depth_ = 0;
  char32_t character_ = 0;  ///< the last one that was written
  std::string out_;
};

}  // namespace

std::string translate_regex(const JsonReader& field) {
  return Translator(field).run();
}

}  // namespace lensbench
