#include "core/text/json_fault.hpp"

#include <algorithm>

#include "core/text/printable.hpp"
#include "core/text/utf8.hpp"

// Sentences about texts that are not JSON. The parser describes its own states ("syntax error while
// parsing value - invalid literal"), which says little to a person who wrote a file.

namespace lensbench {
namespace {

/// Line and column where the text has several lines, otherwise the byte; all count from 1.
std::string place_of(std::string_view text, std::size_t index) {
  if (text.find('\n') == std::string_view::npos) return "byte " + std::to_string(index + 1);
  const std::string_view before = text.substr(0, index);
  const std::size_t line_end = before.rfind('\n');
  const std::size_t column = line_end == std::string_view::npos ? index : index - line_end - 1;
  return "line " + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) +
         ", column " + std::to_string(column + 1);
}

}  // namespace

std::string_view non_finite_at(std::string_view text, std::size_t place) {
  std::string_view word;
  for (const std::string_view candidate : {"NaN", "-Infinity", "Infinity"})
    if (text.compare(place, candidate.size(), candidate) == 0) word = candidate;
  return word;
}

std::string json_fault(std::string_view text, std::size_t bytes, std::string_view reason) {
  const auto is_about = [&](std::string_view words) {
    return reason.find(words) != std::string_view::npos;
  };
  // The last byte that was read is the one that does not fit.
  std::size_t index = bytes == 0 ? 0 : bytes - 1;
  if (index >= text.size() || is_about("unexpected end of input"))
    return "it ends too early; complete it (is the file cut off?)";
  // In "-Infinity" that is the first letter.
  if (index > 0 && !non_finite_at(text, index - 1).empty()) --index;
  const std::string place = place_of(text, index);
  if (is_about("surrogate"))
    return "half of a surrogate pair (\\ud800 to \\udfff) at " + place +
           ", which is not a character; write the character itself or both halves";
  const Utf8Unit character = read_utf8(text.substr(index));
  if (!character.valid || is_about("UTF-8"))
    return "a byte that is not UTF-8 at " + place + "; convert it to UTF-8";
  if (is_about("control character"))
    return "a line break or another control character within a text at " + place +
           "; write it as \\n or \\u00XX";
  if (const std::string_view word = non_finite_at(text, index); !word.empty())
    return std::string(word) + " at " + place +
           ", which JSON does not have; write a finite number or null";
  return "'" + printable(text.substr(index, character.length)) + "' at " + place +
         " is not expected there; check commas, quotation marks and brackets";
}

}  // namespace lensbench
