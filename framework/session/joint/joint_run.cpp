#include <algorithm>
#include <lensbench/error.hpp>

#include "archive/joint/shared_run.hpp"
#include "archive/run/plan_files.hpp"
#include "archive/run/run_folder.hpp"
#include "core/text/suggest.hpp"
#include "session/environment.hpp"
#include "session/joint/ended_processes.hpp"
#include "session/joint/failures.hpp"
#include "session/joint/joint_cases.hpp"
#include "session/process/exit_guard.hpp"
#include "session/process/interrupts.hpp"
#include "session/run_session.hpp"
#include "session/watched_run.hpp"

// A run that several processes share: each shard computes its cases and ends, and another process
// seals. Between processes there is nothing but the folder of the run.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

bool is_in(const CaseSpan& span, std::int64_t index) {
  return index >= span.first && index < span.end;
}

std::int64_t count_in(const CaseSpan& span, const std::vector<CaseOutcome>& cases) {
  return std::count_if(cases.begin(), cases.end(),
                       [&](const CaseOutcome& one) { return is_in(span, one.index); });
}

/// Cases of a shard that earlier processes completed, in all passes.
std::int64_t count_done(const RunWriter& writer, std::int64_t passes, const CaseSpan& span) {
  std::int64_t done = 0;
  for (std::int64_t pass = 0; pass < passes; ++pass)
    for (const std::int64_t index : writer.done(pass)) done += is_in(span, index) ? 1 : 0;
  return done;
}

/// `3 of 12 cases have not run: 'line-4', 'line-5', 'line-6'`
std::string missing_text(const std::vector<CaseOutcome>& missing,
                         const std::vector<CaseInput>& cases) {
  constexpr std::size_t kMost = 3;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(kMost, missing.size()); ++i)
    names.push_back("'" + cases[static_cast<std::size_t>(missing[i].index)].id + "'");
  return std::to_string(missing.size()) + " of " + std::to_string(cases.size()) +
         (missing.size() == 1 ? " cases has not run: " : " cases have not run: ") +
         join(names, ", ") + (missing.size() > kMost ? ", …" : "");
}

/// An archive of failures alone says nothing.
void require_one_complete(const RunWriter& writer, std::int64_t last_pass, const fs::path& out) {
  if (!writer.done(last_pass).empty()) return;
  const auto failures = writer.failures();
  throw RunError(out.string() + ": every case failed, so the archive is not written; the first: " +
                 (failures.empty() ? "" : failures.front().error) +
                 "; run the shards again with "
                 "--resume after a correction, or remove the folder of the run");
}

}  // namespace

int RunSession::ShardOutcome::exit_code() const {
  // Also if all of its cases failed: the others may be complete, so that the run is not in vain.
  return report.interrupted || failed > 0 ? 5 : 0;
}

JointRules RunSession::joint_rules(const std::string& part, bool computes) const {
  JointRules rules;
  rules.part = part;
  rules.environment = environment_facts();
  // The machine that seals must not decide on which ones the cases are computed.
  rules.keeps_environment = computes;
  rules.resume = request_.resume;
  rules.commits.every = std::chrono::duration<double>(request_.commit_every_s);
  return rules;
}

std::vector<std::int64_t> RunSession::tokens() const {
  std::vector<std::int64_t> tokens;
  for (const CasePlan& one : plan_.cases) tokens.push_back(one.n_tokens);
  return tokens;
}

/// The environment is left out: a run is often planned on a machine of another kind than those that
/// compute.
bool RunSession::plan_shared(const fs::path& out, const std::vector<std::string>& argv) {
  JointRules rules = joint_rules("plan", false);
  rules.environment = {};
  const bool is_new = !has_plan(run_folder_of(out) / "plan");
  auto writer = RunWriter::join(out, plan_, rules);
  keep_command(writer, argv);
  return is_new;
}

std::optional<std::size_t> RunSession::measure_case(std::int64_t index) {
  KeptResults kept(started_);
  const ExitGuard guard([] {
    return std::string(
        "a case that was computed to see its size: code of a plug-in ended the "
        "process with exit(); correct the plug-in");
  });
  SingleCase source(index);
  const RunReport report = run_cases(kept, false, &source);
  return report.completed.empty() ? std::nullopt : std::optional(kept.bytes());
}

/// The units of other shards are read only where a later pass needs them.
RunSession::ShardOutcome RunSession::execute_shard(const fs::path& out,
                                                   const std::vector<std::string>& argv,
                                                   const Shard& shard) {
  catch_interrupts();
  check_shard(shard, std::ssize(cases_));
  auto writer = RunWriter::join(out, plan_, joint_rules(std::to_string(shard.number)));
  keep_command(writer, argv);
  WatchedRun watched(writer, out, started_, cases_);
  Count count;
  ShardCases::Run run;
  run.passes = plan_.passes;
  run.begin = [&](const CaseSpan& cases) {
    if (plan_.passes > 1)
      writer.look();
    else
      writer.look([cases](std::int64_t index) { return is_in(cases, index); });
    count = {count_done(writer, plan_.passes, cases), plan_.passes * (cases.end - cases.first)};
    return give_up_cases(writer, plan_.passes, cases);
  };
  run.is_over = [&](std::int64_t pass) {
    writer.look();
    return writer.missing(pass + 1).empty();
  };
  ShardCases source(shard, tokens(), std::move(run));
  ShardOutcome outcome;
  outcome.report = run_cases(watched.sink(), false, &source, &count);
  writer.finish_writing();
  const CaseSpan& own = source.cases();
  outcome.cases = own.end - own.first;
  outcome.failed = count_in(own, writer.failures());
  const auto& stopped_at = outcome.report.unfinished_pass;
  outcome.left = count_in(own, writer.missing(stopped_at ? *stopped_at + 1 : plan_.passes));
  return outcome;
}

/// One process goes on with a run that several processes shared, and seals it.
RunSession::Outcome RunSession::execute_remaining(const fs::path& out,
                                                  const std::vector<std::string>& argv) {
  if (!request_.resume)
    throw UsageError(run_folder_of(out).string() +
                     ": contains a run that several processes share; go on with it alone by "
                     "--resume, or run a part of it by --shard");
  auto writer = RunWriter::join(out, plan_, joint_rules("0"));
  writer.look();
  RemainingCases source(plan_.passes, give_up_cases(writer, plan_.passes, {0, std::ssize(cases_)}),
                        [&] { writer.settle(); });
  Ending ending;
  ending.source = &source;
  Outcome outcome = complete(writer, out, argv, ending);
  if (outcome.sealed) outcome.report.failures = failures_of(writer);
  return outcome;
}

RunSession::Outcome RunSession::seal(const fs::path& out, const std::vector<std::string>& argv,
                                     bool reproducible) {
  catch_interrupts();
  const fs::path folder = run_folder_of(out);
  if (!has_plan(folder / "plan"))
    throw UsageError(folder.string() +
                     ": not the folder of an interrupted run, so there is nothing to seal");
  JointRules rules = joint_rules("seal", false);
  rules.resume = true;
  const bool shared = is_shared_run(folder);
  auto writer = shared ? RunWriter::join(out, plan_, rules) : RunWriter::start(out, plan_, true);
  if (shared) writer.settle();
  if (const auto missing = writer.missing(); !missing.empty())
    throw UsageError(folder.string() + ": " + missing_text(missing, cases_) +
                     "; run the shards again that have them, then seal the run");
  require_one_complete(writer, plan_.passes - 1, out);
  Ending ending;
  ending.only_finish = true;
  ending.reproducible = reproducible;
  Outcome outcome = complete(writer, out, argv, ending);
  outcome.report.failures = failures_of(writer);
  return outcome;
}

}  // namespace lensbench
