#include <chrono>
#include <filesystem>
#include <lensbench/error.hpp>
#include <optional>
#include <string>
#include <thread>

#include "archive/joint/shared_run.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/run_folder.hpp"
#include "session/joint/ended_processes.hpp"
#include "session/joint/failures.hpp"
#include "session/joint/rank_cases.hpp"
#include "session/process/interrupts.hpp"
#include "session/run_session.hpp"
#include "session/watched_run.hpp"

// A run of the processes that a launcher started together. They tell each other only which cases
// are next and when a pass is over; results go by the folder of the run, as those of shards.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// A run that one process or shards began goes on by a resume alone, but not one that is only
/// planned.
void refuse_begun(const fs::path& out, bool resume) {
  const fs::path folder = run_folder_of(out);
  const bool planned = is_shared_run(folder) && frame_files(folder).empty();
  if (!resume && !planned && fs::exists(folder) && !fs::exists(out))
    throw UsageError(folder.string() +
                     ": holds an interrupted run; remove the folder, or go on with it by --resume");
}

/// Takes in what all ranks have written. Network file systems show new files late, so that what is
/// missing is looked for again for a while.
bool find_all(RunWriter& writer, std::int64_t passes) {
  constexpr std::chrono::seconds kPatience{60};
  constexpr std::chrono::milliseconds kPause{500};
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (writer.look(); !writer.missing(passes).empty(); writer.look()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

[[noreturn]] void throw_unseen(const fs::path& out) {
  throw RunError(run_folder_of(out).string() +
                 ": this process does not see the cases that the others have finished (network "
                 "file systems may show files late); go on with --resume");
}

}  // namespace

RunSession::Outcome RunSession::execute_rank(const fs::path& out,
                                             const std::vector<std::string>& argv, RankLink& link) {
  catch_interrupts();
  const JointRules rules = joint_rules("r" + std::to_string(link.rank()));
  std::optional<RunWriter> writer;
  RankCases::Run run;
  if (link.is_first()) {
    refuse_begun(out, request_.resume);
    writer.emplace(RunWriter::join(out, plan_, rules));
    keep_command(*writer, argv);
    writer->look();
    run.suspects = give_up_cases(*writer, plan_.passes, {0, std::ssize(cases_)});
  }
  // The plan is there when the others look for it, and no case runs before all agree.
  link.all(true);
  if (!link.is_first()) writer.emplace(RunWriter::join(out, plan_, rules));
  link.all(true);

  run.passes = plan_.passes;
  run.block_cases = request_.block_cases;
  run.is_waiting = [&](std::int64_t pass, std::int64_t index) {
    return writer->waits(index, pass);
  };
  run.finish_writing = [&] { writer->finish_writing(); };
  run.is_over = [&](std::int64_t pass) {
    if (!find_all(*writer, pass + 1)) return false;
    if (pass + 1 == plan_.passes) writer->settle();
    return true;
  };
  run.look = [&](std::int64_t pass) {
    // A rank that goes on without some of them would compute something else than the others.
    if (!find_all(*writer, pass + 1)) throw_unseen(out);
  };
  RankCases source(link, tokens(), std::move(run));
  Outcome outcome;
  if (link.is_first()) {
    Ending ending;
    ending.source = &source;
    outcome = complete(*writer, out, argv, ending);
    if (outcome.sealed) outcome.report.failures = failures_of(*writer);
  } else {
    WatchedRun watched(*writer, out, started_, cases_);
    outcome.report = run_cases(watched.sink(), false, &source);
  }
  if (outcome.report.interrupted) source.stop();
  return outcome;
}

}  // namespace lensbench
