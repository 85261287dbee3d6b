#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lensbench {

/// GPT-2's printable stand-ins for the 256 bytes: printable Latin-1 stands for itself, the other
/// bytes for the characters from U+0100 on (a space is `Ġ`).
char32_t byte_to_character(unsigned char byte);

/// The byte a character stands for.
std::optional<unsigned char> character_to_byte(char32_t character);

/// Bytes a token of stand-ins spells; the token's own UTF-8 if any character is no stand-in.
std::string bytes_of_stand_ins(std::string_view token);

}  // namespace lensbench
