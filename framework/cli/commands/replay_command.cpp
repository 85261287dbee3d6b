#include <algorithm>
#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "bench/input/recorded_files.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/grading/replay_grade.hpp"
#include "cli/commands/replay/outcome.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/parse/options.hpp"
#include "core/files/sha256.hpp"
#include "core/text/suggest.hpp"
#include "grading/archive/grade_recipe.hpp"
#include "serve/temporary_folder.hpp"
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

/// Looks for the files of parameters, so that the message about a missing one says how to give it.
/// \throws InputError for the first file that is not there
void require_files(const RecordedRun& recorded, const std::map<std::string, std::string>& places) {
  constexpr std::string_view kRole = " file";  // as in `facts file`
  for (const FileRecord& file : recorded.files) {
    if (!file.role.ends_with(kRole)) continue;
    const std::string name = file.role.substr(0, file.role.size() - kRole.size());
    const auto place = places.find(name);
    if (place == places.end()) continue;
    std::error_code error;
    if (const fs::path path = named_file(place->second).path; !fs::exists(path, error))
      throw InputError(recorded.file + ": the file of parameter '" + name + "' is not at " +
                       path.string() + "; name its place with --file " + name + "=PATH");
  }
}

/// A file under the name that it had in the run: a link in a folder if it has the same contents and
/// another name now, since recipe and results have the name. Other files stay as they are given.
std::string under_recorded_name(const RecordedRun& recorded, const std::string& parameter,
                                const std::string& given, const fs::path& folder) {
  const NamedFile now = named_file(given);
  std::error_code error;
  for (const FileRecord& file : recorded.files) {
    if (file.role != parameter + " file" || file.name == now.name) continue;
    if (!fs::is_regular_file(now.path, error) || sha256_file(now.path) != file.sha256) continue;
    const std::string inside =
        file.name.substr(std::min(file.name.find(":results/"), file.name.size()));
    // The archive is untrusted: a name with folders could place the link anywhere.
    const fs::path plain = file.name.substr(0, file.name.size() - inside.size());
    if (plain.empty() || plain != plain.filename() || plain == "." || plain == "..") continue;
    const fs::path link = folder / "files" / fs::path(parameter).filename() / plain;
    fs::create_directories(link.parent_path());
    fs::create_symlink(fs::absolute(now.path), link);
    return link.string() + inside;
  }
  return given;
}

/// The recorded request with the changes from the options.
/// \param links  folder for links to files that were renamed
RunRequest request_of(const RecordedRun& recorded, const Options& options, const fs::path& links,
                      const Warn& warn) {
  RunRequest request = recorded_request(recorded, options.text("model"), warn);
  // Both options change where something is found, not what it is: its SHA-256 is compared later.
  for (const auto& assignment : options.list("set")) add_setting(request.set, assignment);
  for (const auto& [name, path] : moved_files(options))
    if (name != kImagesField) request.set[name] = under_recorded_name(recorded, name, path, links);
  require_files(recorded, request.set);
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
  const RecordedRun recorded = read_recorded_run(file);
  if (const std::string note = earlier_format_note(recorded); !note.empty()) print_warning(note);
  if (grading::is_grade_request(recorded.request)) return replay_grade(recorded, options);
  // The new archive is removed with this folder, unless `--out` names a place for it.
  const serve::TemporaryFolder scratch;
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
