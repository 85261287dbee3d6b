#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/parse/config_file.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// Checks parameter names. \throws UsageError for a parameter that the tool or experiment lacks,
/// with
///   the line of the config file that sets it, and the nearest names or the tool that has it
void check_settings(const PluginHost& host, const PluginInfo& entry,
                    const std::map<std::string, std::string>& settings,
                    const std::optional<ConfigFile>& config);

}  // namespace lensbench::cli
