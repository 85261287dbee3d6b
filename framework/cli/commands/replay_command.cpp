#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "archive/diff.hpp"
#include "archive/sandbox/guard.hpp"
#include "bench/input/recorded_files.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/parse/options.hpp"
#include "core/files/sha256.hpp"
#include "core/text/suggest.hpp"
#include "report/summary/diff_text.hpp"
#include "session/pictures/picture_fields.hpp"
#include "session/recorded_request.hpp"
#include "session/recorded_run.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A temporary folder, removed by the destructor.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "lensbench-replay-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw RunError(fs::temp_directory_path().string() + ": a temporary folder cannot be created");
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

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

/// Compares the prepared request with the recorded one before anything is computed. \throws
/// InputError with all differences, unless they are allowed
void refuse_other_request(const RecordedRun& recorded, const RunPlan& plan, bool allowed) {
  const std::string& file = recorded.file;
  const auto differences = recipe_differences(file, plan);
  if (differences.empty()) return;
  std::string text;
  for (const FactDifference& fact : differences)
    text += "\n  " + fact.where + ": " + (fact.first.empty() ? "none" : fact.first) + " then, " +
            (fact.second.empty() ? "none" : fact.second) + " now";
  if (!allowed)
    throw InputError(file +
                     ": the run used other files than those found now; give the right --model, "
                     "--plugin-dir or --set, or run it nevertheless with --allow-different:" +
                     text);
  std::cerr << "lensbench: not a replay, since the request differs:" << text << "\n";
}

/// One line for the outcome. Different bits with equal request and environment are a fault of
/// lensbench or of a plug-in and are named so; another environment may differ within tolerance.
std::string verdict(const ArchiveDifference& difference) {
  const Agreement results = difference.results();
  if (!difference.same_recipe())
    return "not a replay: the request differs; results " + to_string(results);
  if (results == Agreement::identical) return "REPLAYED: identical in every bit";
  if (difference.same_environment())
    return "NOT DETERMINISTIC: equal request and environment, but different bits";
  if (results == Agreement::within_tolerance)
    return "REPLAYED: within tolerance, in another environment";
  return "DIFFERENT: the results differ from the archive";
}

/// Within one environment only identical bits count.
bool is_same_answer(const ArchiveDifference& difference) {
  const Agreement results = difference.results();
  if (results == Agreement::identical) return true;
  return results == Agreement::within_tolerance && !difference.same_environment();
}

int compare(const fs::path& file, const fs::path& out, bool as_json) {
  const ArchiveDifference difference = diff_archives(ArchiveReader(file), ArchiveReader(out));
  if (as_json) {
    json report = to_json(difference);
    report["verdict"] = verdict(difference);
    std::cout << report.dump(1) << "\n";
  } else {
    std::cout << describe(difference) << verdict(difference) << "\n";
  }
  return is_same_answer(difference) ? 0 : 1;
}

}  // namespace

int run_replay(const Options& options) {
  const std::string file = options.operand(0);
  const RecordedRun recorded = read_recorded_run(file);
  if (const std::string note = earlier_format_note(recorded); !note.empty()) print_warning(note);
  // The new archive is removed with this folder, unless `--out` names a place for it.
  const Scratch scratch;
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
  // The archive is untrusted; the comparison reads its arrays in a confined child process.
  return in_child({{file, out}}, [&] { return compare(file, out, options.flag("json")); });
}

}  // namespace lensbench::cli
