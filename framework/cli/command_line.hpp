#pragma once

#include <functional>

#include "cli/parse/options.hpp"

namespace lensbench::cli {

/// Runs a command line. Help, the version, completion scripts, the manual page and usage errors
/// need only the table of commands; everything else goes to `rest`, including `--help` if a plug-in
/// adds to it. \return the exit code
int run_command_line(const Arguments& arguments, const std::function<int(const Options&)>& rest);

}  // namespace lensbench::cli
