#pragma once

#include <string>

#include "cli/commands/run_arguments.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {

/// Reports a run: results on stdout, everything else on stderr. Interrupted runs and runs without a
/// successful case have no archive.
/// \param resume  command that goes on with an interrupted run
/// \return the exit code
int say_outcome(const RunSession& session, const RunArguments& arguments,
                const RunSession::Outcome& outcome, const std::string& resume);

/// Sends what is printed to stdout to stderr during its lifetime, so that a tool that prints does
/// not corrupt the JSON on stdout.
class PrintsToStderr {
 public:
  explicit PrintsToStderr(bool active);
  ~PrintsToStderr();
  PrintsToStderr(const PrintsToStderr&) = delete;
  PrintsToStderr& operator=(const PrintsToStderr&) = delete;

 private:
  int stdout_;
};

}  // namespace lensbench::cli
