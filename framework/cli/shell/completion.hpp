#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace lensbench::cli {

// Shell scripts that complete commands, options, values and files. They hold the tables of `all`;
// what plug-ins offer they ask of `lensbench completion names`, once a shell.
std::string bash_completion(const std::vector<Command>& all);
std::string zsh_completion(const std::vector<Command>& all);

/// A word for the shell, between single quotes.
std::string shell_quoted(const std::string& text);

}  // namespace lensbench::cli
