#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// Result of decoding one character of a byte string.
struct Utf8Unit {
  char32_t character;  ///< kReplacementCharacter if not valid
  std::size_t length;  ///< in bytes; if not valid, of the maximal invalid subpart; 0 at the end
  bool valid;
};

/// Decodes the first character of a byte string by the well-formed byte sequences of Unicode 15,
/// table 3-7, which exclude overlong forms, surrogates and code points above U+10FFFF.
Utf8Unit read_utf8(std::string_view bytes);

void append_utf8(std::string& text, char32_t character);

/// Number of bytes of the character that starts with `lead`, in text known to be valid.
inline std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Index of the first byte that is not valid UTF-8; the length if all bytes are valid.
std::size_t valid_utf8_prefix(std::string_view bytes);

/// True for well-formed UTF-8, including NUL, which an archive cannot store (`is_storable_text`).
inline bool is_valid_utf8(std::string_view text) {
  return valid_utf8_prefix(text) == text.size();
}

/// True for well-formed UTF-8 without NUL: text that a variable-length HDF5 string stores without
/// loss.
bool is_storable_text(std::string_view text);

/// Copy of `text` in which U+FFFD replaces each byte that is not part of a well-formed sequence.
std::string replace_invalid_utf8(std::string_view text);

/// Text in which U+FFFD replaces each maximal invalid subpart, as in Python's `errors="replace"`.
struct RepairedText {
  std::string text;
  /// Offset in the input of each byte of `text` and of its end; empty if nothing was replaced.
  std::vector<std::size_t> origin;
};
RepairedText repair_utf8(std::string_view bytes);

/// Code points of a text that is valid UTF-8.
std::u32string code_points(std::string_view text);

/// Whether a character has the Unicode property White_Space.
bool is_white_space(char32_t character);
/// Whether a character has the general category Nd, Nl or No.
bool is_numeric(char32_t character);

}  // namespace lensbench
