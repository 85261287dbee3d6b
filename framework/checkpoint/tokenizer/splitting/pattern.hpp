#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// Search pattern: a string, a regular expression or a class of characters.
class Pattern {
 public:
  using Visitor = std::function<void(Span)>;
  virtual ~Pattern() = default;
  /// Calls `visit` for each match, from left to right; matches do not overlap and are not empty.
  virtual void find_all(std::string_view text, const Visitor& visit) const = 0;
};

std::unique_ptr<const Pattern> literal_pattern(std::string text);
std::unique_ptr<const Pattern> character_pattern(bool (*is_member)(char32_t));

/// A regular expression in PCRE2's own syntax. \throws std::logic_error if it does not compile
std::unique_ptr<const Pattern> internal_pattern(std::string_view pcre2);

/// Reads a pattern of a tokenizer file: `{"String": …}` or `{"Regex": …}`. Regular expressions have
/// the syntax of Oniguruma; only constructs with equal meaning in PCRE2 are accepted.
/// \throws InputError with the pattern
std::unique_ptr<const Pattern> read_pattern(const JsonReader& field);

/// Translates an Oniguruma (Ruby syntax) expression to PCRE2.
///
/// Accepted: literals, `|`, classes, `\s \S \d`, `\p{…}` of general categories and some scripts,
/// greedy, lazy and possessive repetition of single characters, optional groups, lookahead and
/// `(?i:…)`. That covers the splits of GPT-2, GPT-4, Llama 3, Qwen, Mistral, DeepSeek and others.
/// A repeated group is refused, so that no expression from a file can take exponential time.
/// \throws InputError with the construct that is not accepted
std::string translate_regex(const JsonReader& field);

}  // namespace lensbench
