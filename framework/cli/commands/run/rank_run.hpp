#pragma once

#include "cli/commands/run_arguments.hpp"
#include "session/joint/launcher.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {

/// Checks what a process needs that a launcher of several processes started, before a model is
/// opened; one that was started alone passes. Only rank 0 says what is the same in all.
/// \throws UsageError without `--out`, or if lensbench was built without MPI
void check_launch(RunArguments& arguments, const Launch& launch);

/// Runs this process' part of a run, together with the others that the launcher started. Rank 0
/// prints the results.
/// \return the exit code; errors of one process end all
int run_rank(RunSession& session, const RunArguments& arguments, const Options& options,
             const Launch& launch);

}  // namespace lensbench::cli
