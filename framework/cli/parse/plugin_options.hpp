#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// What `run`, `tool`, `list` and `replay` say about plug-ins.
struct PluginArguments {
  std::vector<std::string> dirs;  ///< --plugin-dir
  std::string lock;               ///< --plugin-lock; empty: none
  std::vector<std::string> pins;  ///< --pin NAME=SHA256|PATH
  bool allow_insecure = false;    ///< --allow-insecure-plugins
};

/// Those four, as commands list them.
std::vector<Option> plugin_options();
/// What was given of them.
PluginArguments plugin_arguments(const Options& options);

/// \throws UsageError for a malformed pin; InputError for a lock that is none
PluginPolicy plugin_policy(const PluginArguments& arguments);

/// Registers what the folders hold and what pins name by path, and says on stderr what of the
/// environment or the options weakens the checks.
/// \throws PluginError for a folder that may not be used; UsageError for a pin of nothing
void find_plugins(PluginHost& host, const PluginArguments& arguments, bool quiet);

}  // namespace lensbench::cli
