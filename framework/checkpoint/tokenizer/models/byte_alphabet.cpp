#include "checkpoint/tokenizer/models/byte_alphabet.hpp"

#include <array>

#include "core/text/utf8.hpp"

// Bytes as printable characters, in the alphabet of GPT-2. The function of GPT-2's encoder.py is
// computed at compile time: bytes that are printable in Latin-1 stay as they are, the others get
// characters from U+0100 on in order.

namespace lensbench {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte)
    alphabet[byte] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  return alphabet;
}

constexpr auto kAlphabet = make_alphabet();
constexpr char32_t kAlphabetEnd = 256 + 68;  // 68 bytes are represented by characters from U+0100

constexpr std::array<short, kAlphabetEnd> make_inverse() {
  std::array<short, kAlphabetEnd> inverse{};
  for (auto& entry : inverse) entry = -1;
  for (int byte = 0; byte < 256; ++byte) inverse[kAlphabet[byte]] = static_cast<short>(byte);
  return inverse;
}

constexpr auto kInverse = make_inverse();

}  // namespace

char32_t byte_to_character(unsigned char byte) {
  return kAlphabet[byte];
}

std::optional<unsigned char> character_to_byte(char32_t character) {
  if (character >= kAlphabetEnd || kInverse[character] < 0) return std::nullopt;
  return static_cast<unsigned char>(kInverse[character]);
}

/// Bytes of a token; the token itself if it was not written in this alphabet, such as an added one.
std::string bytes_of_byte_characters(std::string_view token) {
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const Utf8Unit unit = read_utf8(token.substr(at));
    const auto byte = character_to_byte(unit.character);
    if (!byte) return std::string(token);
    bytes.push_back(static_cast<char>(*byte));
    at += unit.length;
  }
  return bytes;
}

}  // namespace lensbench
