#pragma once

#include <string>
#include <vector>

#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// What a tool or experiment is, with its parameters; for `run NAME --help` and `tool NAME --help`.
/// Begins with an empty line. \throws PluginError for a name that is not there
std::string entry_help(const PluginHost& host, PluginEntryKind kind, const std::string& name,
                       int width);

/// `top_k = 5 (an integer, in tokens)`
std::string parameter_text(const ParameterInfo& parameter);

/// The tools an experiment declares, known without running it.
std::vector<std::string> declared_tools(const PluginHost& host, const PluginInfo& experiment);

}  // namespace lensbench::cli
