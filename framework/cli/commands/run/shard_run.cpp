#include "cli/commands/run/shard_run.hpp"

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <optional>

#include "archive/run/plan_files.hpp"
#include "archive/run/run_folder.hpp"
#include "cli/commands/run_messages.hpp"
#include "core/text/shell_words.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

std::string cases_text(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " case" : " cases");
}

/// `lensbench: shard 3/8: 25 cases are safe`
std::string beginning(const Shard& shard, const RunSession::ShardOutcome& outcome) {
  std::string text = "lensbench: shard " + shard.text() + ": ";
  const std::int64_t over = outcome.cases - outcome.left;
  text += outcome.left == 0 ? "its " + cases_text(over)
                            : std::to_string(over) + " of its " + cases_text(outcome.cases);
  text += over == 1 ? " is safe" : " are safe";
  if (outcome.failed > 0) text += " (" + std::to_string(outcome.failed) + " failed)";
  return text;
}

/// What is to be done after a shard.
std::string next_step(const RunSession& session, const RunSession::ShardOutcome& outcome,
                      const fs::path& run, const std::string& resume) {
  const RunReport& report = outcome.report;
  if (report.interrupted) return ". Go on with:\n  " + resume;
  if (report.unfinished_pass)
    return "; pass " + std::to_string(*report.unfinished_pass + 2) + " of " +
           std::to_string(session.plan().passes) +
           " needs the cases of all shards: run every shard again when all have ended";
  // Failures are results too, so that they are a choice.
  const std::string again =
      outcome.failed > 0 ? "; --resume runs the failed ones again" : std::string();
  return again + "; when all shards have ended: lensbench seal " + shell_word(run.string());
}

/// Whether another process sealed the run, whose plan is gone then: so its cases were complete.
bool is_sealed(const fs::path& out) {
  return fs::exists(out) && !has_plan(run_folder_of(out) / "plan");
}

/// Empty if the run was sealed meanwhile, by a process that had all cases.
std::optional<RunSession::ShardOutcome> execute_shard(RunSession& session,
                                                      const RunArguments& arguments,
                                                      const std::vector<std::string>& argv) {
  const bool existed = fs::exists(arguments.out);
  try {
    return session.execute_shard(arguments.out, argv, *arguments.shard);
  } catch (const Error&) {
    if (existed || !is_sealed(arguments.out)) throw;
    return std::nullopt;
  }
}

}  // namespace

void check_shard_arguments(const RunArguments& arguments, std::int64_t cases) {
  if (!arguments.shard) return;
  if (arguments.out.empty())
    throw UsageError("--shard needs --out FILE, the archive that all shards of the run name");
  if (arguments.json)
    throw UsageError(
        "--json prints the results of a whole run, and a shard has a part of them; "
        "leave it out, and give it to lensbench seal");
  check_shard(*arguments.shard, cases);
}

int run_shard(RunSession& session, const RunArguments& arguments,
              const std::vector<std::string>& argv, const std::string& resume) {
  const auto outcome = execute_shard(session, arguments, argv);
  if (!outcome) {
    print_warning(arguments.out + ": the run was sealed meanwhile, with the cases of this shard");
    return 0;
  }
  print_failures(session, outcome->report);
  if (!arguments.quiet)
    std::cerr << beginning(*arguments.shard, *outcome)
              << next_step(session, *outcome, run_folder_of(arguments.out), resume) << "\n";
  return outcome->exit_code();
}

}  // namespace lensbench::cli
