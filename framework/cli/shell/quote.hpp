#pragma once

#include <string>

namespace lensbench::cli {

/// A word for the shell, in single quotes.
std::string shell_quoted(const std::string& text);

/// A word for the shell, quoted only if necessary.
std::string shell_word(const std::string& text);

}  // namespace lensbench::cli
