#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "plugin/plugin_host.hpp"

namespace lensbench {

/// Receives one warning for the user.
using Warn = std::function<void(const std::string&)>;

/// Folders in which a run searches for plug-ins, and the plug-ins that it may load.
struct PluginSearch {
  std::vector<std::string> dirs;            ///< searched first
  std::string lock;                         ///< file that lists the allowed libraries; empty: none
  std::map<std::string, std::string> pins;  ///< tool or experiment -> SHA-256 or path
  bool allow_insecure = false;              ///< also load from paths that others can write
};

/// Policy of a search. \throws InputError for a lock that cannot be read
PluginPolicy plugin_policy(const PluginSearch& search);

/// Registers the libraries in the folders and those that pins name by path. Warns of settings in
/// the environment or the request that weaken the checks. \throws PluginError for a folder that may
/// not be used; UsageError for a pin without a plug-in
void find_plugins(PluginHost& host, const PluginSearch& search, const Warn& warn);

}  // namespace lensbench
