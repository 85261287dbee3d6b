#include "cli/commands/run/rank_run.hpp"

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <string>

#include "cli/commands/resume.hpp"
#include "cli/commands/run/say_outcome.hpp"
#include "cli/report_errors.hpp"
#include "session/joint/mpi_link.hpp"

namespace lensbench::cli {
namespace {

/// Runs the rank and reports it. The outcome is that of all ranks in rank 0, and only there.
int run_and_say(RunSession& session, const RunArguments& arguments, const Options& options,
                RankLink& link) {
  const auto outcome = [&] {
    const PrintsToStderr printing(arguments.json);
    return session.execute_rank(arguments.out, options.arguments(), link);
  }();
  const bool stopped = outcome.report.interrupted || outcome.report.unfinished_pass;
  if (!link.is_first()) return stopped ? outcome.exit_code() : 0;
  const std::string resume =
      resume_command(options.command().name, options.arguments(), arguments, arguments.out);
  if (!stopped) return say_outcome(session, arguments, outcome, resume);
  std::cerr
      << "lensbench: stopped before all cases were over; those that are finished are safe. Go "
         "on, with any number of processes, with:\n  "
      << resume << "\n";
  return outcome.exit_code();
}

}  // namespace

void check_launch(RunArguments& arguments, const Launch& launch) {
  if (launch.processes <= 1) return;
  require_mpi_part(launch.launcher);
  if (arguments.out.empty())
    throw UsageError(
        launch.launcher +
        ": several processes were started, which need --out FILE, the archive that all "
        "of them name");
  if (launch.rank == 0) return;
  arguments.quiet = true;
  arguments.progress_json = false;
}

/// An error of one rank ends the others, which would wait for it. A rank is left by a return only
/// when all have ended.
int run_rank(RunSession& session, const RunArguments& arguments, const Options& options,
             const Launch& launch) {
  // The process was killed between sealing and cleaning up: only the latter is left.
  if (arguments.request.resume && std::filesystem::exists(arguments.out))
    return launch.rank == 0 ? finish_and_say(session, arguments, arguments.out) : 0;
  const auto link = join_ranks();
  bool ended = false;
  const int code = report_errors([&] {
    const int own = run_and_say(session, arguments, options, *link);
    ended = true;
    return own;
  });
  if (!ended) link->abort(code);
  return code;
}

}  // namespace lensbench::cli
