#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/parse/config_file.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// \throws UsageError for a parameter that the tool or experiment does not have, with the line of
///   the config file that sets it, and the nearest names or the experiment's tool that has it
void check_settings(const PluginHost& host, const PluginInfo& entry,
                    const std::map<std::string, std::string>& settings,
                    const std::optional<ConfigFile>& config);

}  // namespace lensbench::cli
