#pragma once

#include "cli/command.hpp"

namespace lensbench::cli {

/// The command with all that follows its name on the command line. \return the exit code
int run_command_line(const Arguments& arguments);

}  // namespace lensbench::cli
