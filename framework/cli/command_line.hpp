#pragma once

#include <functional>

#include "cli/parse/options.hpp"

namespace lensbench::cli {

/// Answers a command line. Help, the version, completion scripts, the manual page and mistakes need
/// only the table of commands; all else goes to `rest`, with `--help` only where a plug-in adds to
/// it.
/// \return the exit code
int run_command_line(const Arguments& arguments, const std::function<int(const Options&)>& rest);

}  // namespace lensbench::cli
