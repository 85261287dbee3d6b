#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/archive_reader.hpp"
#include "archive/run/run_folder.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/beginning_of_run.hpp"
#include "cli/commands/entry_help.hpp"
#include "cli/commands/given_cases.hpp"
#include "cli/commands/resume.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/commands/settings.hpp"
#include "cli/shell/help.hpp"
#include "cli/table/commands.hpp"
#include "core/text/json.hpp"
#include "core/text/json_reader.hpp"
#include "core/text/shell_words.hpp"
#include "report/export/json.hpp"
#include "report/summary/draw_archive.hpp"
#include "session/environment.hpp"
#include "session/recipe.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// File of the archive: the given one, or a new one under results/ named by experiment, model and
/// time. \throws UsageError for `--resume` without a name, as there is nothing to resume
fs::path archive_path(const RunArguments& arguments) {
  if (!arguments.out.empty()) return arguments.out;
  if (arguments.request.resume)
    throw UsageError("--resume needs --out FILE, the archive of the run to resume");
  std::string stamp = utc_now();
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  const std::string name =
      arguments.request.name + "-" + model_label(arguments.request.model) + "-" + stamp;
  fs::path path = fs::path("results") / (name + ".h5");
  // Runs within one second get numbers, also against a run that is not sealed yet.
  for (int i = 2; fs::exists(path) || fs::exists(fs::path(path).replace_extension(".run")); ++i)
    path = fs::path("results") / (name + "-" + std::to_string(i) + ".h5");
  return path;
}

/// Sends what is printed to stdout to stderr during its lifetime, so that a tool that prints does
/// not corrupt the JSON on stdout.
class PrintsToStderr {
 public:
  explicit PrintsToStderr(bool active) : stdout_(active ? dup(STDOUT_FILENO) : -1) {
    if (stdout_ >= 0) dup2(STDERR_FILENO, STDOUT_FILENO);
  }
  ~PrintsToStderr() {
    if (stdout_ < 0) return;
    // Both buffers are emptied while the descriptor still leads to stderr.
    std::cout.flush();
    std::fflush(stdout);
    dup2(stdout_, STDOUT_FILENO);
    close(stdout_);
  }
  PrintsToStderr(const PrintsToStderr&) = delete;
  PrintsToStderr& operator=(const PrintsToStderr&) = delete;

 private:
  int stdout_;
};

RunSession::Outcome execute(RunSession& session, const RunArguments& arguments,
                            const fs::path& path, const Options& options) {
  const PrintsToStderr printing(arguments.json);
  return session.execute(path, options.arguments());
}

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

/// Reports a run: results on stdout, everything else on stderr. Interrupted runs and runs without a
/// successful case have no archive.
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

/// Number of cases that will run: one if none is given, or else the run is refused.
std::int64_t number_of(const std::vector<CaseInput>& given) {
  return std::max<std::int64_t>(1, std::ssize(given));
}

GivenCases cases_of(const RunArguments& arguments) {
  GivenCases given =
      given_cases(arguments.prompts, arguments.ids, arguments.prompts_file, arguments.pictures);
  if (const std::string note = note_on_left_out(given); !note.empty() && !arguments.quiet)
    print_warning(note);
  return given;
}

/// Command `run` or `tool`, from its arguments to the exit code. Everything that can be wrong with
/// the request is found before the first case runs.
int run_entry(PluginEntryKind kind, const Options& options) {
  const RunArguments arguments = run_arguments(kind, options);
  GivenCases given = cases_of(arguments);
  RunSession session(arguments.request, terminal_listener(number_of(given.cases), arguments.quiet,
                                                          arguments.progress_json));
  check_settings(session.host(), session.entry(), arguments.request.set, options.config());
  session.prepare(required_cases(std::move(given.cases), session.reads_prompts()),
                  std::move(given.inputs));
  const auto path = archive_path(arguments);
  // The process was killed between sealing and cleaning up: only the latter is left.
  if (arguments.request.resume && fs::exists(path)) return finish_and_say(session, arguments, path);
  const std::string resume =
      resume_command(options.command().name, options.arguments(), arguments, path);
  // A folder without an archive is a run that began under this name.
  if (const auto folder = run_folder_of(path);
      !arguments.request.resume && fs::exists(folder) && !fs::exists(path))
    throw UsageError(folder.string() +
                     ": holds an interrupted run; remove the folder, or go on with the run:\n  " +
                     resume);
  try {
    return say_outcome(session, arguments, execute(session, arguments, path, options), resume);
  } catch (const RunError& error) {
    // Cases are committed while the run goes on; the message says how not to lose them.
    if (!fs::exists(run_folder_of(path))) throw;
    throw RunError(std::string(error.what()) + "\nEvery finished case is safe. Resume with:\n  " +
                   resume +
                   "\nor, if a plug-in has to be corrected first, finish with:\n  lensbench "
                   "finish " +
                   shell_word(run_folder_of(path).string()));
  }
}

/// What a plug-in adds to `--help`; empty if no tool or experiment was named.
EntryHelp help_of(PluginEntryKind kind, const Options& options) {
  if (options.operand(0).empty()) return {};
  const PluginSearch search = plugin_search(options);
  PluginHost host(plugin_policy(search));
  find_plugins(host, search, print_warning);
  return {entry_help(host, kind, options.operand(0), help_width()),
          example_of(host, kind, options.operand(0))};
}

}  // namespace

int run_experiment(const Options& options) {
  return run_entry(PluginEntryKind::experiment, options);
}

int run_tool(const Options& options) {
  return run_entry(PluginEntryKind::tool, options);
}

EntryHelp experiment_help(const Options& options) {
  return help_of(PluginEntryKind::experiment, options);
}

EntryHelp tool_help(const Options& options) {
  return help_of(PluginEntryKind::tool, options);
}

/// Summary and seal of a run whose cases are complete, with plug-ins that may have been corrected.
int run_finish(const Options& options) {
  const fs::path run = fs::absolute(options.operand(0)).lexically_normal();
  // A trailing slash would make the name of the folder empty.
  const fs::path folder = run.has_filename() ? run : run.parent_path();
  const BeginningOfRun begun = beginning_of(folder);
  const PluginSearch given = plugin_search(options);
  std::vector<std::string> directories;
  // Options of this command are relative to its own working directory, which changes below.
  for (const auto& directory : given.dirs) directories.push_back(fs::absolute(directory).string());
  // Paths of the recorded command are relative to the folder in which it was given.
  fs::current_path(begun.directory);
  const Options recorded = options_of(begun);
  RunArguments arguments = run_arguments(begun.kind, recorded);
  // The output follows this command, the request the recorded one.
  arguments.quiet = options.flag("quiet");
  arguments.json = options.flag("json");
  if (!directories.empty()) arguments.request.plugins = given;
  if (!directories.empty()) arguments.request.plugins.dirs = directories;
  GivenCases asked = cases_of(arguments);
  RunSession session(arguments.request,
                     terminal_listener(number_of(asked.cases), arguments.quiet, false));
  session.prepare(required_cases(std::move(asked.cases), session.reads_prompts()),
                  std::move(asked.inputs));
  const fs::path out = fs::path(folder).replace_extension(".h5");
  return say_outcome(session, arguments, session.finish(out, options.arguments()), "");
}

}  // namespace lensbench::cli
