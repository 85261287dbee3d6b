#include "core/text/markup.hpp"

#include "core/text/utf8.hpp"

namespace lensbench {
namespace {

/// Whether both HTML and XML 1.0 allow a character in a document.
bool is_allowed(char32_t c) {
  return c == '\t' || c == '\n' || (c >= 0x20 && c <= 0xd7ff && c != 0x7f) ||
         (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

}  // namespace

std::string escape_markup(std::string_view bytes) {
  const std::string valid = replace_invalid_utf8(bytes);
  std::string_view text = valid;
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Unit unit = read_utf8(text);
    switch (unit.character) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\r':
        out += "&#13;";
        break;
      default:
        append_utf8(out, is_allowed(unit.character) ? unit.character : kReplacementCharacter);
    }
    text.remove_prefix(unit.length);
  }
  return out;
}

}  // namespace lensbench
