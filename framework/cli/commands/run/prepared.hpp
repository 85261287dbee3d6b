#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "cli/commands/given_cases.hpp"
#include "cli/commands/run_arguments.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {

/// The cases that a command gives; says which names in a folder of pictures were left out.
/// \throws as `given_cases`
GivenCases cases_of(const RunArguments& arguments);

/// Number of cases that will run: one if none is given, or else the run is refused.
std::int64_t number_of(const std::vector<CaseInput>& given);

/// The request of a run that is not sealed, with everything opened that it needs.
struct PreparedRun {
  RunArguments arguments;
  std::unique_ptr<RunSession> session;
  std::filesystem::path out;  ///< its archive
};

/// Prepares the run of a folder by the command that began it, which the folder has. The working
/// directory of the process becomes that of the command, to which its paths are relative.
/// \param options  of a command with the operand RUN, the options of plug-ins, `--quiet` and
///   `--json`, which decide about the output; folders of plug-ins replace those of the recorded
///   command
/// \throws InputError if the folder does not have the command; as `RunSession::prepare`
PreparedRun prepare_recorded(const Options& options);

}  // namespace lensbench::cli
