#include <filesystem>
#include <lensbench/error.hpp>

#include "archive/run/run_folder.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/entry_help.hpp"
#include "cli/commands/resume.hpp"
#include "cli/commands/run/prepared.hpp"
#include "cli/commands/run/rank_run.hpp"
#include "cli/commands/run/say_outcome.hpp"
#include "cli/commands/run/shard_run.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/commands/settings.hpp"
#include "cli/shell/help.hpp"
#include "core/text/shell_words.hpp"
#include "session/environment.hpp"
#include "session/joint/launcher.hpp"
#include "session/parameter_files.hpp"
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

RunSession::Outcome execute(RunSession& session, const RunArguments& arguments,
                            const fs::path& path, const Options& options) {
  const PrintsToStderr printing(arguments.json);
  return session.execute(path, options.arguments());
}

/// Command `run` or `tool`, from its arguments to the exit code. Everything that can be wrong with
/// the request is found before the first case runs.
int run_entry(PluginEntryKind kind, const Options& options) {
  RunArguments arguments = run_arguments(kind, options);
  // A shard is a process of its own, whatever starts it.
  const Launch launch = arguments.shard ? Launch() : launch_of_process();
  check_launch(arguments, launch);
  GivenCases given = cases_of(arguments);
  check_shard_arguments(arguments, number_of(given.cases));
  const std::int64_t shown = arguments.shard ? 0 : number_of(given.cases);
  RunSession session(arguments.request,
                     terminal_listener(shown, arguments.quiet, arguments.progress_json));
  check_settings(session.host(), session.entry(), arguments.request.set, options.config());
  session.prepare(required_cases(std::move(given.cases), session.reads_prompts()),
                  std::move(given.inputs));
  const auto path = archive_path(arguments);
  if (launch.processes > 1) return run_rank(session, arguments, options, launch);
  // The process was killed between sealing and cleaning up: only the latter is left.
  if (arguments.request.resume && fs::exists(path)) return finish_and_say(session, arguments, path);
  const std::string resume =
      resume_command(options.command().name, options.arguments(), arguments, path);
  // A folder without an archive is a run that began under this name.
  if (const auto folder = run_folder_of(path);
      !arguments.shard && !arguments.request.resume && fs::exists(folder) && !fs::exists(path))
    throw UsageError(folder.string() +
                     ": holds an interrupted run; remove the folder, or go on with the run:\n  " +
                     resume);
  try {
    if (arguments.shard) return run_shard(session, arguments, options.arguments(), resume);
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

}  // namespace lensbench::cli
