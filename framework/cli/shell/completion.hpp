#pragma once

#include <string>
#include <vector>

#include "cli/table/command.hpp"

namespace lensbench::cli {

// Shell scripts that complete commands, options, values and files. They contain the tables of `all`
// and read tools and experiments from `lensbench completion names`, once per shell.
std::string bash_completion(const std::vector<Command>& all);
std::string zsh_completion(const std::vector<Command>& all);

}  // namespace lensbench::cli
