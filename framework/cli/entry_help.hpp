#pragma once

#include <string>
#include <vector>

#include "bench/plugin_host.hpp"

namespace lensbench::cli {

/// Help of `run` or `tool`: usage, options, and the parameters of the named entry if there is one.
/// \throws PluginError if `name` is not empty and unknown
std::string entry_help(const PluginHost& host, PluginEntryKind kind, const std::string& name);

/// The tools an experiment declares, known without running it.
std::vector<std::string> declared_tools(const PluginHost& host, const PluginInfo& experiment);

}  // namespace lensbench::cli
