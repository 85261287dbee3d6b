#include <algorithm>
#include <array>
#include <csignal>
#include <lensbench/error.hpp>
#include <lensbench/run.hpp>
#include <set>
#include <utility>

#include "archive/run/finished_run.hpp"
#include "archive/run/run_folder.hpp"
#include "session/prompts.hpp"
#include "session/run_session.hpp"

namespace lensbench {
namespace {

/// Restores the actions of the signals that a run handles.
class SignalScope {
 public:
  SignalScope() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &before_[i]);
  }
  ~SignalScope() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGXFSZ};
  std::array<struct sigaction, kSignals.size()> before_{};
};

std::vector<CaseInput> named_cases(std::vector<CaseInput> cases) {
  std::set<std::string> ids;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CaseInput& one = cases[i];
    if (one.id.empty()) one.id = "case-" + std::to_string(i + 1);
    if (one.text.empty() == one.ids.empty())
      throw UsageError("case '" + one.id + "': needs either a text or ids");
    if (!ids.insert(one.id).second)
      throw UsageError("two cases have the id '" + one.id + "'; ids must differ");
  }
  return cases;
}

void check_target(const RunOptions& options) {
  if (options.out.empty())
    throw UsageError("run: the archive is missing; name a file NAME.h5 in 'out'");
  if (options.resume) return;
  for (const std::filesystem::path& path : {options.out, run_folder_of(options.out)})
    if (std::filesystem::exists(path))
      throw UsageError(path.string() +
                       ": exists and is not overwritten; name another file, or set 'resume'");
}

RunRequest request_for(PluginEntryKind kind, const std::string& name, const RunOptions& options) {
  RunRequest request;
  request.kind = kind;
  request.name = name;
  request.model = options.model;
  request.set = options.parameters;
  request.interventions = options.interventions;
  request.plugins.dirs = options.plugin_dirs;
  request.dtype = options.dtype;
  request.threads = options.threads;
  request.seed = options.seed;
  request.resume = options.resume;
  return request;
}

[[noreturn]] void throw_unsealed(const RunSession& session, const RunSession::Outcome& outcome,
                                 const RunOptions& options) {
  if (outcome.report.interrupted)
    throw RunError(options.out.string() + ": the run was interrupted after " +
                   std::to_string(outcome.report.completed.size()) + " of " +
                   std::to_string(session.cases().size()) +
                   " cases, which are safe; run it again with 'resume'");
  const std::string first =
      outcome.report.failures.empty() ? "" : ": " + outcome.report.failures.front().message;
  throw RunError(options.out.string() +
                 ": every case failed, so the archive was not written; the first one" + first);
}

/// Result of a resumed run whose archive is sealed already.
ArchivedRun archived(const FinishedRun& run) {
  ArchivedRun result{run.sealed.path, run.sealed.digests.results};
  result.failed_cases = std::count_if(run.cases.begin(), run.cases.end(), [](const auto& one) {
    return one.status == CaseStatus::failed;
  });
  result.failed_receipts = std::count_if(run.receipts.begin(), run.receipts.end(),
                                         [](const auto& stored) { return !stored.receipt.passed; });
  return result;
}

ArchivedRun run_entry(PluginEntryKind kind, const std::string& name, const RunOptions& options) {
  check_target(options);
  const SignalScope signals;
  RunListener listener;
  if (options.warn) listener.warn = options.warn;
  RunSession session(request_for(kind, name, options), listener);
  auto cases = named_cases(options.cases);
  if (cases.empty() && session.reads_prompts())
    throw UsageError("run: cases are missing; give at least one");
  if (cases.empty()) cases.push_back(case_without_prompt());
  session.prepare(std::move(cases), {});
  if (options.resume && std::filesystem::exists(options.out))
    return archived(finish_sealed_run(options.out, session.plan()));
  const auto outcome = session.execute(options.out, {});
  if (!outcome.sealed) throw_unsealed(session, outcome, options);
  return {outcome.sealed->path, outcome.sealed->digests.results,
          std::ssize(session.cases()) - std::ssize(outcome.report.completed),
          outcome.failed_receipts};
}

}  // namespace

ArchivedRun run_experiment(const std::string& name, const RunOptions& options) {
  return run_entry(PluginEntryKind::experiment, name, options);
}

ArchivedRun run_tool(const std::string& name, const RunOptions& options) {
  return run_entry(PluginEntryKind::tool, name, options);
}

}  // namespace lensbench
