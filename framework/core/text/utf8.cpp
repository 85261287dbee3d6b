#include "core/text/utf8.hpp"

#include <utf8proc.h>

// UTF-8 by the table of well-formed sequences of the Unicode standard. All decoding of the
// framework is here, because decoders that differ in what they accept would give different tokens
// and let invalid text into archives.

namespace lensbench {
namespace {

/// Facts that the first byte decides. Only the second byte has limits of its own: they exclude
/// overlong forms (E0, F0), surrogates (ED) and code points above U+10FFFF (F4).
struct LeadByte {
  std::size_t length;
  unsigned char second_low, second_high;  // allowed range of the second byte
};

LeadByte classify(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  return {0, 0, 0};
}

utf8proc_category_t category(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

}  // namespace

/// An invalid unit has the length that a reader skips, so that decoding always advances.
Utf8Unit read_utf8(std::string_view bytes) {
  if (bytes.empty()) return {kReplacementCharacter, 0, false};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const LeadByte lead = classify(byte(0));
  if (lead.length == 1) return {byte(0), 1, true};
  if (lead.length == 0) return {kReplacementCharacter, 1, false};
  char32_t character = byte(0) & (0xFFu >> (lead.length + 1));
  for (std::size_t i = 1; i < lead.length; ++i) {
    const unsigned char low = i == 1 ? lead.second_low : 0x80;
    const unsigned char high = i == 1 ? lead.second_high : 0xBF;
    // The bytes before the faulty one are the maximal subpart, which counts as one error.
    if (i >= bytes.size() || byte(i) < low || byte(i) > high)
      return {kReplacementCharacter, i, false};
    character = character << 6 | (byte(i) & 0x3Fu);
  }
  return {character, lead.length, true};
}

/// Appends a code point; the caller guarantees that it is one.
void append_utf8(std::string& text, char32_t character) {
  if (character < 0x80) return text.push_back(static_cast<char>(character));
  char bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character),
                                           reinterpret_cast<utf8proc_uint8_t*>(bytes));
  text.append(bytes, static_cast<std::size_t>(length));
}

std::size_t valid_utf8_prefix(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    // ASCII is most of all text and needs no decoding.
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    const Utf8Unit unit = read_utf8(bytes.substr(at));
    if (!unit.valid) return at;
    at += unit.length;
  }
  return at;
}

bool is_storable_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && is_valid_utf8(text);
}

/// Replaces every invalid byte by a mark of its own, unlike `repair_utf8`: for texts that are shown
/// and not tokenized.
std::string replace_invalid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const Utf8Unit unit = read_utf8(text);
    const std::size_t read = unit.valid ? unit.length : 1;
    valid += unit.valid ? text.substr(0, read) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(read);
  }
  return valid;
}

RepairedText repair_utf8(std::string_view bytes) {
  if (valid_utf8_prefix(bytes) == bytes.size()) return {std::string(bytes), {}};
  RepairedText repaired;
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Unit unit = read_utf8(bytes.substr(at));
    const std::size_t before = repaired.text.size();
    append_utf8(repaired.text, unit.character);
    // Bytes of a valid character come from their own bytes, those of a replacement from its first
    // one.
    for (std::size_t i = before; i < repaired.text.size(); ++i)
      repaired.origin.push_back(unit.valid ? at + (i - before) : at);
    at += unit.length;
  }
  repaired.origin.push_back(bytes.size());
  return repaired;
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Unit unit = read_utf8(text.substr(at));
    points += unit.character;
    at += unit.length;
  }
  return points;
}

/// The 25 characters of the property, which has been stable since Unicode 6.3.
bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_numeric(char32_t character) {
  if (character < 0x80) return character >= '0' && character <= '9';
  const auto c = category(character);
  return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

}  // namespace lensbench
