#pragma once

#include <string>
#include <vector>

#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// Description of a tool or experiment with its parameters and results, for `run NAME --help` and
/// `tool NAME
/// --help`. Starts with an empty line. \throws PluginError for an unknown name
std::string entry_help(const PluginHost& host, PluginEntryKind kind, const std::string& name,
                       int width);

/// Command that runs a tool or experiment, with the parameters that must be set.
std::string example_of(const PluginHost& host, PluginEntryKind kind, const std::string& name);

/// A parameter as text: `top_k = 5 (an integer, in tokens)`.
std::string parameter_text(const ParameterInfo& parameter);

/// A variable of a result as text: `entropy [layer, token] in nats`.
std::string result_text(const ResultInfo& result);

/// Tools that an experiment declares, found without running it.
std::vector<std::string> declared_tools(const PluginHost& host, const PluginInfo& experiment);

}  // namespace lensbench::cli
