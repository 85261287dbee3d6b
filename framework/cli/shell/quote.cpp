#include "cli/shell/quote.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace lensbench::cli {

/// Single quotes protect everything but themselves: one is written as the end of the quotes, an
/// escaped quote and a new beginning.
std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// Characters that shells do not expand within a word; anything else is quoted.
std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_./=:,+@%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  return plain ? text : shell_quoted(text);
}

}  // namespace lensbench::cli
