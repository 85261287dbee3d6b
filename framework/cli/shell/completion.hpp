#pragma once

#include <string>
#include <vector>

#include "cli/table/command.hpp"

namespace lensbench::cli {

// Shell scripts that complete commands, options, values and files. They hold the tables of `all`;
// what plug-ins offer they ask of `lensbench completion names`, once a shell.
std::string bash_completion(const std::vector<Command>& all);
std::string zsh_completion(const std::vector<Command>& all);

}  // namespace lensbench::cli
