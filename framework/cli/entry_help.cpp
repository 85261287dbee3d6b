#include "cli/entry_help.hpp"

#include <sstream>

#include "cli/arguments.hpp"
#include "core/suggest.hpp"

namespace lensbench::cli {
namespace {

void describe_parameters(std::ostringstream& text, const PluginInfo& entry) {
  if (entry.parameters.empty()) {
    text << "\nNo parameters.\n";
    return;
  }
  text << "\nParameters (--set KEY=VALUE):\n";
  for (const auto& p : entry.parameters) {
    const std::string shown = p.required                ? "(must be set)"
                              : p.default_value.empty() ? "none"
                                                        : p.default_value;
    const bool has_units = !p.units.empty() && p.units != "1";
    text << "  " << p.name << " = " << shown << "\n      " << p.help << " (" << describe(p.type)
         << (has_units ? ", in " + p.units : "") << ")\n";
  }
}

}  // namespace

std::vector<std::string> declared_tools(const PluginHost& host, const PluginInfo& experiment) {
  std::vector<std::string> tools;
  const auto instance = host.create_experiment(experiment.name);
  for (const auto* slot : instance->tool_slots()) tools.push_back(slot->tool_name());
  return tools;
}

std::string entry_help(const PluginHost& host, PluginEntryKind kind, const std::string& name) {
  const bool is_tool = kind == PluginEntryKind::tool;
  std::ostringstream text;
  text << "lensbench " << (is_tool ? "tool" : "run") << " "
       << (name.empty() ? (is_tool ? "TOOL" : "EXPERIMENT") : name)
       << " --model DIR (--prompt TEXT | --prompts FILE | --ids \"1 2 3\") [options]\n\n";
  if (name.empty()) {
    text << (is_tool
                 ? "Runs one tool on every prompt, prints its result and keeps it in an archive.\n"
                 : "Runs an experiment on every prompt, prints its results and keeps them in an "
                   "archive.\n")
         << "What there is: lensbench list " << (is_tool ? "tools" : "experiments")
         << "; its parameters: lensbench " << (is_tool ? "tool TOOL" : "run EXPERIMENT")
         << " --help\n";
  } else {
    const auto& entry = host.find(kind, name);
    text << entry.summary << " (version " << entry.version << ")\n";
    if (!is_tool) text << "Tools it uses: " << join(declared_tools(host, entry), ", ") << "\n";
    describe_parameters(text, entry);
  }
  text << "\n" << run_options_help();
  return text.str();
}

}  // namespace lensbench::cli
