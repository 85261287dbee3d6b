#include "cli/commands/run/say_outcome.hpp"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "archive/archive_reader.hpp"
#include "cli/commands/resume.hpp"
#include "cli/commands/run_messages.hpp"
#include "report/summary/draw_archive.hpp"

namespace lensbench::cli {
namespace {

void say_stopped(const RunSession& session, const RunReport& report, const std::string& resume) {
  std::cerr << "lensbench: stopped; " << report.completed.size() << " of " << session.cases().size()
            << " cases are safe. Resume with:\n  " << resume << "\n";
}

void say_failed_receipts(std::int64_t failed, const std::string& archive) {
  std::cerr << "lensbench: " << failed
            << " receipts FAILED: do not trust these results until you know the reason (see "
               "lensbench show "
            << archive << ")\n";
}

}  // namespace

int say_outcome(const RunSession& session, const RunArguments& arguments,
                const RunSession::Outcome& outcome, const std::string& resume) {
  if (outcome.report.interrupted) {
    say_stopped(session, outcome.report, resume);
    return outcome.exit_code();
  }
  if (!outcome.sealed) {
    print_failures(session, outcome.report);
    std::cerr << "lensbench: every case failed, so the archive was not written\n";
    return outcome.exit_code();
  }
  const std::string archive = outcome.sealed->path.string();
  if (arguments.json)
    print_json(*outcome.sealed);
  else if (!arguments.quiet)
    std::cout << draw_results(ArchiveReader(archive), {}, detect_terminal(STDOUT_FILENO));
  print_failures(session, outcome.report);
  if (!arguments.quiet)
    std::cerr << "archive " << archive << "\n"
              << "results sha256 " << outcome.sealed->digests.results << "\n";
  // Even with `--quiet`: results whose checks failed must not pass unnoticed.
  if (outcome.failed_receipts > 0) say_failed_receipts(outcome.failed_receipts, archive);
  return outcome.exit_code();
}

PrintsToStderr::PrintsToStderr(bool active) : stdout_(active ? dup(STDOUT_FILENO) : -1) {
  if (stdout_ >= 0) dup2(STDERR_FILENO, STDOUT_FILENO);
}

PrintsToStderr::~PrintsToStderr() {
  if (stdout_ < 0) return;
  // Both buffers are emptied while the descriptor still leads to stderr.
  std::cout.flush();
  std::fflush(stdout);
  dup2(stdout_, STDOUT_FILENO);
  close(stdout_);
}

}  // namespace lensbench::cli
