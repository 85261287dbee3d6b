#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// A word for the shell, in single quotes. Control characters are written as `$'\033'`, so that
/// they never reach a terminal.
std::string shell_quoted(std::string_view text);

/// A word for the shell, quoted only if necessary.
std::string shell_word(const std::string& text);

/// Command for a shell that runs a Python program.
/// \param imports    names to import, in the form of Python: `from a import b; import c`
/// \param program    statements after the imports, which read the arguments as `a[0]`, `a[1]` …
/// \param arguments  texts from elsewhere, such as paths: they are quoted for the shell, and Python
///   never parses them
std::string python_command(const std::string& imports, const std::string& program,
                           const std::vector<std::string>& arguments);

}  // namespace lensbench
