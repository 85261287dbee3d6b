#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/commands/run_arguments.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {

/// Command that resumes a run, quoted for a shell.
/// \param argv  words after `command` on the command line
std::string resume_command(const std::string& command, const std::vector<std::string>& argv,
                           const RunArguments& arguments, const std::filesystem::path& out);

/// Prints the sealed archive's results and failures on stdout.
void print_json(const SealResult& sealed);

/// Handles `--resume` of a run whose archive exists: verifies it, removes files that a killed
/// process left next to it, and reports that. \return the exit code of the run
int finish_and_say(const RunSession& session, const RunArguments& arguments,
                   const std::filesystem::path& out);

}  // namespace lensbench::cli
