#include "cli/commands/settings.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "cli/commands/entry_help.hpp"
#include "core/parameters/picture_parameters.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::cli {
namespace {

bool has_parameter(const PluginInfo& entry, const std::string& key) {
  return std::any_of(entry.parameters.begin(), entry.parameters.end(),
                     [&](const ParameterInfo& parameter) { return parameter.name == key; });
}

/// `FILE:LINE: ` of a parameter in the config file; empty if it is not there.
std::string location_in(const std::optional<ConfigFile>& config, const std::string& key) {
  if (!config) return "";
  for (const auto& entry : config->entries)
    if (entry.key == "set." + key) return config->where(entry) + ": ";
  return "";
}

/// Tool of an experiment that has the parameter; empty if none has. It explains the most likely
/// mistake: setting a parameter that the experiment sets for its tool.
std::string tool_with(const PluginHost& host, const PluginInfo& experiment,
                      const std::string& key) {
  if (experiment.kind != PluginEntryKind::experiment) return "";
  for (const auto& name : declared_tools(host, experiment))
    for (const auto& tool : host.entries())
      if (tool.kind == PluginEntryKind::tool && tool.name == name && has_parameter(tool, key))
        return name;
  return "";
}

}  // namespace

void check_settings(const PluginHost& host, const PluginInfo& entry,
                    const std::map<std::string, std::string>& settings,
                    const std::optional<ConfigFile>& config) {
  // Checked before the model is opened, which may take long.
  const bool is_tool = entry.kind == PluginEntryKind::tool;
  for (const auto& [key, value] : settings) {
    // Settings of pictures are checked when the model is known, which must have a vision tower.
    if (has_parameter(entry, key) || is_picture_parameter(key)) continue;
    const std::string problem = location_in(config, key) + (is_tool ? "tool '" : "experiment '") +
                                entry.name + "': unknown parameter '" + key + "'";
    if (const auto tool = tool_with(host, entry, key); !tool.empty())
      throw UsageError(
          problem + "; its tool '" + tool +
          "' has a parameter of that name, which the experiment sets itself (see lensbench run " +
          entry.name + " --help, or lensbench tool " + tool + ")");
    std::vector<std::string> known;
    for (const auto& parameter : entry.parameters) known.push_back(parameter.name);
    throw UsageError(problem + suggest(key, known) + " (see lensbench " +
                     (is_tool ? "tool " : "run ") + entry.name + " --help)");
  }
}

}  // namespace lensbench::cli
