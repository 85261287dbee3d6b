#include "report/terminal/text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace lensbench::terminal {
namespace {

struct Character {
  utf8proc_int32_t code_point = -1;  // -1 for an invalid byte
  std::string_view bytes;
};

/// Next character of a text; an invalid byte counts as one character, so that decoding goes on at
/// the next byte.
Character next_character(std::string_view text) {
  Character c;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &c.code_point);
  if (length <= 0) return {-1, text.substr(0, 1)};
  c.bytes = text.substr(0, static_cast<std::size_t>(length));
  return c;
}

std::string escape_byte(char byte) {
  std::array<char, 8> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "\\x%02x", static_cast<unsigned char>(byte));
  return buffer.data();
}

/// The notation of C and Rust; code points below 0x100 are written like bytes.
std::string escape_code_point(utf8proc_int32_t code_point) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), code_point < 0x100 ? "\\x%02x" : "\\u{%x}",
                static_cast<unsigned>(code_point));
  return buffer.data();
}

/// Variation selectors 1 to 16 change the width of emoji in some terminals only.
bool is_variation_selector(utf8proc_int32_t code_point) {
  return code_point >= 0xfe00 && code_point <= 0xfe0f;
}

/// Marks that are drawn on the character before them: nonspacing and enclosing ones.
bool is_mark(utf8proc_int32_t code_point) {
  const auto category = utf8proc_category(code_point);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME;
}

// Number of cells of a character. Spacing marks (Devanagari vowel signs) fill a cell in terminals.
int cells_of(utf8proc_int32_t code_point) {
  if (code_point < 0 || utf8proc_category(code_point) == UTF8PROC_CATEGORY_MC) return 1;
  return utf8proc_charwidth(code_point);
}

// Whether a character fills an equal number of cells in all terminals and does not move its
// neighbours.
bool has_known_shape(utf8proc_int32_t code_point) {
  switch (utf8proc_category(code_point)) {
    // Unassigned, control, format (bidirectional overrides are there), surrogate, private use, and
    // separators other than the space.
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return cells_of(code_point) > 0;
  }
}

std::string blank(char c, Blanks blanks, bool unicode) {
  if (blanks == Blanks::kept && c == ' ') return " ";
  switch (c) {
    case ' ':
      return unicode ? "·" : "_";
    case '\n':
      return unicode ? "⏎" : "\\n";
    case '\t':
      return unicode ? "⇥" : "\\t";
    default:
      return unicode ? "␍" : "\\r";
  }
}

bool is_blank(utf8proc_int32_t c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

}  // namespace

/// Token texts come from models and archives of others, who could put escape sequences into them;
/// the output must not move the cursor, change colours or reorder what surrounds it.
std::string visible(std::string_view text, Blanks blanks, bool unicode) {
  constexpr int kMostMarks = 2;
  std::string out;
  int marks = kMostMarks + 1;  // above the limit, because a mark at the start is without a base
  while (!text.empty()) {
    const Character c = next_character(text);
    text.remove_prefix(c.bytes.size());
    if (is_variation_selector(c.code_point)) continue;
    // More marks on a character would overflow the lines above and below.
    if (c.code_point >= 0 && is_mark(c.code_point) && unicode) {
      // A mark without a base would join the character of another cell or the border of a table.
      if (marks > kMostMarks) out += "◌", marks = 0;
      if (++marks <= kMostMarks) out += c.bytes;
      marks = std::min(marks, kMostMarks);
      continue;
    }
    marks = 0;
    if (c.code_point < 0)
      out += escape_byte(c.bytes.front());
    else if (is_blank(c.code_point))
      out += blank(c.bytes.front(), blanks, unicode);
    else if (has_known_shape(c.code_point) && (unicode || c.code_point < 0x7f))
      out += c.bytes;
    else
      out += escape_code_point(c.code_point);
  }
  return out;
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character c = next_character(text);
    text.remove_prefix(c.bytes.size());
    width += cells_of(c.code_point);
  }
  return width;
}

std::string shorten(std::string_view text, int width, bool unicode) {
  if (width <= 0) return "";
  if (display_width(text) <= width) return std::string(text);
  std::string out;
  for (int used = 0; !text.empty();) {
    const Character c = next_character(text);
    const int cells = cells_of(c.code_point);
    // One cell remains for the mark of the cut; a character of two cells may leave one more free.
    if (used + cells > width - 1) break;
    out += c.bytes;
    used += cells;
    text.remove_prefix(c.bytes.size());
  }
  return out + (unicode ? "…" : "~");
}

std::string fit(std::string_view text, int width, Align align, bool unicode) {
  std::string cell = shorten(text, width, unicode);
  const std::string fill(static_cast<std::size_t>(std::max(0, width - display_width(cell))), ' ');
  return align == Align::left ? cell + fill : fill + cell;
}

std::string cat(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const std::string_view part : parts) whole += part;
  return whole;
}

/// A word that is longer than the line is cut with a mark.
std::vector<std::string> wrap(std::string_view text, int width, int indent, bool unicode) {
  const std::string lead(static_cast<std::size_t>(indent), ' ');
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const auto space = text.find(' ');
    std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    const bool fits = display_width(line) + 1 + display_width(word) <= width;
    if (line.empty()) {
      line = word;
    } else if (fits) {
      line += ' ';
      line += word;
    } else {
      lines.push_back(shorten(line, width, unicode));
      line = lead;
      line += word;
    }
  }
  lines.push_back(shorten(line, width, unicode));
  return lines;
}

}  // namespace lensbench::terminal
