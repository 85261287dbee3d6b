#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// What stands at the start of a byte string.
struct Utf8Unit {
  char32_t character;  ///< kReplacementCharacter if not valid
  std::size_t length;  ///< bytes; of the maximal invalid subpart if not valid; 0 only at the end
  bool valid;
};

/// Reads one unit by the well-formed byte sequences of the Unicode Standard, table 3-7.
Utf8Unit read_utf8(std::string_view bytes);

void append_utf8(std::string& text, char32_t character);

/// Bytes of the character that starts with `lead`, in text known to be valid.
inline std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Index of the first byte that is not valid UTF-8, or the length.
std::size_t valid_utf8_prefix(std::string_view bytes);

/// Text with each maximal invalid subpart replaced by U+FFFD, as Python's `errors="replace"`.
struct RepairedText {
  std::string text;
  /// For each byte of `text` and its end, the offset in the input; empty when nothing changed.
  std::vector<std::size_t> origin;
};
RepairedText repair_utf8(std::string_view bytes);

/// Unicode White_Space.
bool is_white_space(char32_t character);
/// General categories Nd, Nl and No.
bool is_numeric(char32_t character);

}  // namespace lensbench
