#pragma once

#include <functional>
#include <lensbench/export.hpp>
#include <map>
#include <string>
#include <vector>

#include "plugin/plugin_host.hpp"

namespace lensbench {

/// Receives one sentence that a person should read.
using Warn = std::function<void(const std::string&)>;

/// Where a run looks for plug-ins, and which it may load.
struct PluginSearch {
  std::vector<std::string> dirs;            ///< searched first
  std::string lock;                         ///< file that lists the only ones allowed; empty: none
  std::map<std::string, std::string> pins;  ///< tool or experiment -> SHA-256 or path
  bool allow_insecure = false;              ///< also from places that others can write
};

/// \throws InputError for a lock that cannot be read
LENSBENCH_API PluginPolicy plugin_policy(const PluginSearch& search);

/// Registers what the folders hold and what pins name by path. Warns of what in the environment or
/// the request weakens the checks.
/// \throws PluginError for a folder that may not be used; UsageError for a pin of nothing
LENSBENCH_API void find_plugins(PluginHost& host, const PluginSearch& search, const Warn& warn);

}  // namespace lensbench
