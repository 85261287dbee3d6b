#include "cli/commands/actions.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <lensbench/error.hpp>

#include "cli/command_line.hpp"
#include "cli/shell/help.hpp"
#include "core/parameters/picture_parameters.hpp"
#include "core/text/suggest.hpp"
#include "plugin/plugin_host.hpp"
#include "session/process/exit_guard.hpp"

namespace lensbench::cli {
namespace {

/// The table of commands is data and linked into the small program; the actions need the library.
/// The names connect both.
constexpr Action kActions[] = {
    {"run", run_experiment, experiment_help},
    {"tool", run_tool, tool_help},
    {"plan", run_plan, plan_help},
    {"seal", run_seal},
    {"finish", run_finish},
    {"serve", run_serve},
    {"plant", run_plant},
    {"grade", run_grade},
    {"list", run_list},
    {"tokenize", run_tokenize},
    {"model info", run_model_info},
    {"model init", run_model_init},
    {"show", run_show},
    {"verify", run_verify},
    {"replay", run_replay},
    {"diff", run_diff},
    {"versions", run_versions},
    {"export", run_export},
    {"report", run_report},
    {"plot", run_plot},
    {"new", run_new},
    {"completion", run_completion_names},
};

}  // namespace

const Action& action_of(const Command& command) {
  const auto found =
      std::find_if(std::begin(kActions), std::end(kActions),
                   [&](const Action& action) { return action.command == command.name; });
  // A command was added to the table without an action: an error of this program.
  if (found == std::end(kActions))
    throw RunError("command '" + command.name + "': its action is missing");
  return *found;
}

int carry_out(const Options& options) {
  const Action& action = action_of(options.command());
  // Commands that run cases have guards of their own, which name the case and the tool.
  const ExitGuard guard([&] {
    return "lensbench " + options.command().name +
           ": code of a plug-in ended the process with exit() before the command was done; correct "
           "the plug-in";
  });
  try {
    if (!options.flag("help")) return action.run(options);
    std::cout << command_help(options, action.more_help(options), help_width());
    return 0;
  } catch (const c10::Error& error) {
    // libtorch adds a backtrace to its message, which says nothing to a user.
    throw RunError(std::string("libtorch: ") + error.what_without_backtrace());
  }
}

namespace {

/// Words that a parameter takes, as `word|word`.
std::string words_to_complete(const ParameterInfo& parameter) {
  auto words = parameter.words();
  // Words with blanks, quotes or wildcards would break the format of one line per entry, or be
  // expanded by the shell.
  std::erase_if(words, [](const std::string& word) {
    return word.empty() || word.find_first_of(" \t\n:,@\"'`$\\*?[") != std::string::npos;
  });
  return join(words, "|");
}

/// What the completion scripts offer for an item of a value: words, or the kind of paths.
std::string offers_for(const ParameterInfo& parameter) {
  switch (parameter.type) {
    case ParameterType::boolean:
      return "true|false";
    case ParameterType::choice:
    case ParameterType::choices:
    case ParameterType::token:
    case ParameterType::tokens:
      return words_to_complete(parameter);
    case ParameterType::file:
      return "@file";
    case ParameterType::model:
    case ParameterType::models:
      return "@directory";
    case ParameterType::hooks:
      return "@hooks";
    default:
      return "";
  }
}

/// Parameter as the completion scripts read it: `name`, or `name:word|word`, or `name:@file`; a
/// list has a comma before its words, `name:,word|word`.
std::string completion_field(const ParameterInfo& parameter) {
  const std::string offers = offers_for(parameter);
  if (offers.empty()) return parameter.name;
  return parameter.name + (is_list(parameter.type) ? ":," : ":") + offers;
}

}  // namespace

/// Reads descriptions only: no code of a plug-in runs at a press of the tab key.
int run_completion_names(const Options& options) {
  PluginHost host;
  for (const auto& directory : plugin_directories(options.list("plugin-dir")))
    host.load_directory(directory);
  for (const auto& entry : host.entries()) {
    std::cout << (entry.kind == PluginEntryKind::tool ? "tool " : "experiment ") << entry.name;
    for (const auto& parameter : entry.parameters) std::cout << " " << completion_field(parameter);
    for (const auto& parameter : picture_parameters())
      std::cout << " " << completion_field(parameter);
    std::cout << "\n";
  }
  return 0;
}

}  // namespace lensbench::cli

extern "C" int lensbench_command_line(int argc, char** argv) {
  return lensbench::cli::run_command_line({argv, argv + argc}, lensbench::cli::carry_out);
}
