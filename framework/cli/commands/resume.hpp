#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

#include "cli/commands/run_arguments.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {

/// The command that goes on with a run, as a shell takes it.
/// \param argv  what followed `command` on the command line
LENSBENCH_API std::string resume_command(const std::string& command,
                                         const std::vector<std::string>& argv,
                                         const RunArguments& arguments,
                                         const std::filesystem::path& out);

/// The sealed archive's results on stdout, with what failed.
void print_json(const SealResult& sealed);

/// `--resume` of a run whose archive is there: verifies it, cleans up what a killed process left
/// beside it, and says so. \return the exit code the run had
int finish_and_say(const RunSession& session, const RunArguments& arguments,
                   const std::filesystem::path& out);

}  // namespace lensbench::cli
