#include "cli/commands/beginning_of_run.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/run/run_folder.hpp"
#include "cli/table/commands.hpp"
#include "core/text/json.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench::cli {

namespace fs = std::filesystem;

BeginningOfRun beginning_of(const fs::path& run) {
  // The file is written when a run begins, so that its folder alone suffices to go on.
  const fs::path file = run / "command.json";
  if (!fs::exists(file))
    throw InputError(run.string() +
                     ": not the folder of an interrupted run (command.json is missing); give the "
                     "folder NAME.run");
  const nlohmann::json all = read_json(file);
  const JsonReader stored(all, file.string());
  if (stored.at("command").string() == "grade")
    throw UsageError(run.string() +
                     ": a grading was interrupted; go on with lensbench grade and --resume");
  return {
      stored.at("command").string() == "tool" ? PluginEntryKind::tool : PluginEntryKind::experiment,
      stored.at("arguments").strings(), stored.at("working_directory").string()};
}

/// Parses the recorded words with the table of today, which refuses an option that was removed
/// since.
Options options_of(const BeginningOfRun& begun) {
  const std::string name = begun.kind == PluginEntryKind::tool ? "tool" : "run";
  const auto command = std::find_if(commands().begin(), commands().end(),
                                    [&](const Command& one) { return one.name == name; });
  return Options(*command, begun.arguments);
}

fs::path unsealed_run(const fs::path& file) {
  if (file.extension() == ".run" && fs::is_directory(file)) return file;
  std::error_code ignored;
  // An archive that exists is complete; `symlink_status` also finds a link without a target, which
  // must not be taken for a missing file.
  if (fs::exists(fs::symlink_status(file, ignored))) return {};
  const auto folder = run_folder_of(file);
  return fs::is_directory(folder) ? folder : fs::path();
}

}  // namespace lensbench::cli
