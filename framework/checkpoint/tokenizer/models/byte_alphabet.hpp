#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lensbench {

/// Printable character that represents a byte in GPT-2's vocabulary: printable Latin-1 characters
/// represent themselves, characters from U+0100 on the other bytes (`Ġ` is the space).
char32_t byte_to_character(unsigned char byte);

/// Byte that a character represents; empty for other characters.
std::optional<unsigned char> character_to_byte(char32_t character);

/// Bytes that the characters of a token represent; the UTF-8 text of the token if one of its
/// characters does not represent a byte.
std::string bytes_of_byte_characters(std::string_view token);

}  // namespace lensbench
