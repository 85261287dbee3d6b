#include "core/text/printable.hpp"

namespace lensbench {

std::string printable(std::string_view text) {
  // Enough to recognise a name; a hostile text must not fill the terminal.
  constexpr std::size_t kMaxBytes = 80;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // The text is cut between UTF-8 characters, never inside one.
    if (i >= kMaxBytes && (byte & 0xc0) != 0x80) return out + "...";
    if (byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace lensbench
