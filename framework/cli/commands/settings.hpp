#pragma once

#include "cli/parse/arguments.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// \throws UsageError for a parameter that the tool or experiment does not have, with the line of
///   the config file where it stands, and the nearest names or the experiment's tool that has it
void check_settings(const PluginHost& host, const PluginInfo& entry, const RunArguments& arguments);

}  // namespace lensbench::cli
