#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands/actions.hpp"
#include "cli/commands/grading/replay_grade.hpp"
#include "cli/commands/replay/outcome.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/parse/options.hpp"
#include "core/text/suggest.hpp"
#include "grading/archive/grade_recipe.hpp"
#include "serve/temporary_folder.hpp"
#include "session/parameter_places.hpp"
#include "session/pictures/kept_pictures.hpp"
#include "session/pictures/picture_fields.hpp"
#include "session/recorded_request.hpp"
#include "session/recorded_run.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// Places of files by the names of their parameters, or of the pictures by `images`.
std::map<std::string, std::string> moved_files(const Options& options) {
  std::map<std::string, std::string> moved;
  for (const auto& assignment : options.list("file")) add_setting(moved, assignment);
  return moved;
}

/// The recorded request with the changes from the options.
/// \param links  folder for links to files and folders that were renamed
RunRequest request_of(const RecordedRun& recorded, const Options& options, const fs::path& links,
                      const Warn& warn) {
  RunRequest request = recorded_request(recorded, options.text("model"), warn);
  // Both options change where something is found, not what it is: its SHA-256 is compared later.
  std::map<std::string, std::string> given;
  for (const auto& assignment : options.list("set")) add_setting(given, assignment);
  for (const auto& [name, path] : moved_files(options))
    if (name != kImagesField) given[name] = path;
  request.set = parameter_places(recorded, request.set, given, links, warn);
  if (options.given("threads")) request.threads = thread_count(options);
  request.plugins = plugin_search(options);
  return request;
}

/// Finds the tool or experiment; if it is missing, the error names the folders of the recorded run.
std::unique_ptr<RunSession> find_entry(const RecordedRun& recorded, RunRequest request,
                                       RunListener listener) {
  const auto then = recorded.run.value("plugin_directories", std::vector<std::string>());
  // Folders of plug-ins in an archive are untrusted: they are named in the message, never searched.
  const bool helps = request.plugins.dirs.empty() && !then.empty();
  try {
    return std::make_unique<RunSession>(std::move(request), std::move(listener));
  } catch (const PluginError& error) {
    if (!helps) throw;
    throw PluginError(error.fault(), error.what() +
                                         ("\n  the run also looked in " + join(then, ", ")) +
                                         ": give it as --plugin-dir if you trust its contents");
  }
}

/// Recorded run, prepared to be repeated.
std::unique_ptr<RunSession> recorded_session(const RecordedRun& recorded, const Options& options,
                                             const fs::path& links) {
  const bool quiet = options.flag("quiet");
  RunRequest request = request_of(recorded, options, links, quiet ? quietly : print_warning);
  auto cases = recorded_cases(recorded, moved_files(options)[kImagesField]);
  auto listener = terminal_listener(std::ssize(cases), quiet, false);
  auto session = find_entry(recorded, std::move(request), std::move(listener));
  session->prepare(std::move(cases), recorded_inputs(recorded));
  return session;
}

}  // namespace

int run_replay(const Options& options) {
  const std::string& file = options.operand(0);
  RecordedRun recorded = read_recorded_run(file);
  if (const std::string note = earlier_format_note(recorded); !note.empty()) print_warning(note);
  if (grading::is_grade_request(recorded.request)) return replay_grade(recorded, options);
  // The new archive is removed with this folder, unless `--out` names a place for it.
  const serve::TemporaryFolder scratch;
  // A folder that the user names has precedence over pictures in the archive.
  if (moved_files(options).count(kImagesField) == 0) place_kept_pictures(recorded, scratch.path());
  const auto session = recorded_session(recorded, options, scratch.path());
  refuse_other_request(recorded, session->plan(), options.flag("allow-different"));

  const fs::path out =
      options.text("out").empty() ? scratch.path() / "replay.h5" : fs::path(options.text("out"));
  const auto outcome = session->execute(out, options.arguments());
  print_failures(*session, outcome.report);
  if (!outcome.sealed) {
    std::cerr << "lensbench: the replay did not end, so the comparison is skipped\n";
    return outcome.exit_code();
  }
  return compare_replay(file, out, options.flag("json"));
}

}  // namespace lensbench::cli
