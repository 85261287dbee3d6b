#include "report/page/escape.hpp"

#include "core/text/utf8.hpp"

namespace lensbench::page {

std::string valid_text(std::string_view text) {
  std::string valid = replace_invalid_utf8(text);
  if (valid.find('\0') == std::string::npos) return valid;
  std::string without;
  for (const char c : valid) {
    if (c == '\0')
      append_utf8(without, kReplacementCharacter);
    else
      without += c;
  }
  return without;
}

std::string cut(std::string_view text, std::size_t most) {
  std::size_t end = 0;
  for (std::size_t n = 0; end < text.size(); ++n) {
    if (n == most) return std::string(text.substr(0, end)) + "…";
    end += utf8_length(text[end]);
  }
  return std::string(text);
}

}  // namespace lensbench::page
