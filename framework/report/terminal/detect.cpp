#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "report/terminal/terminal.hpp"

namespace lensbench {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// Width of a terminal in cells; 0 if neither the environment nor the terminal gives it.
int columns_of(int fd) {
  // A larger number is a mistake in the environment rather than a terminal.
  constexpr int kMost = 1000;
  const std::string_view given = environment("COLUMNS");
  int columns = 0;
  // COLUMNS comes first, as in POSIX: it lets a user set the width of a pipe.
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), columns);
  const bool whole = error == std::errc() && end == given.data() + given.size();
  if (whole && columns > 0 && columns <= kMost) return columns;
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_col <= kMost)
    return size.ws_col;
  return 0;
}

/// Whether the character set of the locale is UTF-8, by the usual precedence of the variables. An
/// environment without a locale counts as UTF-8: it is typical for containers, whose terminal is on
/// another system.
bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string_view::npos ||
           value.find("utf8") != std::string_view::npos ||
           value.find("utf-8") != std::string_view::npos ||
           value.find("UTF8") != std::string_view::npos;
  }
  return true;
}

}  // namespace

TerminalStyle detect_terminal(int fd) {
  TerminalStyle style;
  const bool terminal = isatty(fd) == 1;
  if (const int columns = columns_of(fd); columns > 0) style.columns = columns;
  const std::string_view term = environment("TERM"), depth = environment("COLORTERM");
  // NO_COLOR counts if it is not empty, by the convention of that variable.
  style.colour = terminal && environment("NO_COLOR").empty() && !term.empty() && term != "dumb";
  style.true_colour = depth == "truecolor" || depth == "24bit";
  style.unicode = is_utf8_locale();
  return style;
}

}  // namespace lensbench
