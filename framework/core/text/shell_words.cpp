#include "core/text/shell_words.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

// Words of commands that messages suggest. Users paste them into a shell, so a name from elsewhere
// must not end its word: it would be a command of its own.

namespace lensbench {
namespace {

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

/// The form with escapes, which bash, zsh and ksh read and the POSIX shell before 2024 does not.
std::string with_escapes(std::string_view text) {
  std::string word = "$'";
  for (const char c : text) {
    if (is_control(static_cast<unsigned char>(c))) {
      // Always three digits, so that a digit after them is not read as a part of the number.
      char code[8];
      std::snprintf(code, sizeof code, "\\%03o", static_cast<unsigned>(c));
      word += code;
    } else {
      if (c == '\\' || c == '\'') word += '\\';
      word += c;
    }
  }
  return word + "'";
}

}  // namespace

/// Single quotes protect everything but themselves: one is written as the end of the quotes, an
/// escaped quote and a new beginning.
std::string shell_quoted(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), is_control)) return with_escapes(text);
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

std::string python_command(const std::string& imports, const std::string& program,
                           const std::vector<std::string>& arguments) {
  std::string command =
      "python3 -c " + shell_quoted("import sys; " + imports + "; a = sys.argv[1:]; " + program);
  for (const std::string& argument : arguments) command += " " + shell_word(argument);
  return command;
}

}  // namespace lensbench
