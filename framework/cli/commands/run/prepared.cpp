#include "cli/commands/run/prepared.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands/beginning_of_run.hpp"
#include "cli/commands/run_messages.hpp"

namespace lensbench::cli {

namespace fs = std::filesystem;

GivenCases cases_of(const RunArguments& arguments) {
  GivenCases given =
      given_cases(arguments.prompts, arguments.ids, arguments.prompts_file, arguments.pictures);
  if (const std::string note = note_on_left_out(given); !note.empty() && !arguments.quiet)
    print_warning(note);
  return given;
}

std::int64_t number_of(const std::vector<CaseInput>& given) {
  return std::max<std::int64_t>(1, std::ssize(given));
}

PreparedRun prepare_recorded(const Options& options) {
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
  PreparedRun prepared{run_arguments(begun.kind, recorded), nullptr,
                       fs::path(folder).replace_extension(".h5")};
  RunArguments& arguments = prepared.arguments;
  // The output follows this command, the request the recorded one.
  arguments.quiet = options.flag("quiet");
  arguments.json = options.flag("json");
  if (!directories.empty()) arguments.request.plugins = given;
  if (!directories.empty()) arguments.request.plugins.dirs = directories;
  GivenCases asked = cases_of(arguments);
  prepared.session = std::make_unique<RunSession>(
      arguments.request, terminal_listener(number_of(asked.cases), arguments.quiet, false));
  prepared.session->prepare(
      required_cases(std::move(asked.cases), prepared.session->reads_prompts()),
      std::move(asked.inputs));
  return prepared;
}

}  // namespace lensbench::cli
