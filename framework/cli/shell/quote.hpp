#pragma once

#include <string>

namespace lensbench::cli {

/// A word for the shell, between single quotes.
std::string shell_quoted(const std::string& text);

/// A word for the shell, quoted only where it needs it.
std::string shell_word(const std::string& text);

}  // namespace lensbench::cli
