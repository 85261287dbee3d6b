#pragma once

#include <cstdint>
#include <lensbench/intervention.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/plugin_host.hpp"
#include "session/plugin_search.hpp"

namespace lensbench {

/// A file of settings that a run was asked with, kept word for word in the archive.
struct SettingsFile {
  std::string path, text;
};

/// What to run on which model, apart from the cases.
struct RunRequest {
  PluginEntryKind kind = PluginEntryKind::experiment;
  std::string name;                         ///< of the experiment or tool
  std::string model;                        ///< directory, or hub name in the local hub cache
  std::map<std::string, std::string> set;   ///< parameters of the experiment or tool, as text
  std::vector<Intervention> interventions;  ///< in every forward
  PluginSearch plugins;
  std::string dtype = "float32", device = "cpu";
  std::int64_t threads = 0;  ///< 0: one a core
  std::uint64_t seed = 0;
  bool profile = false;  ///< measure time and bytes of each component
  bool share = true;     ///< one forward for what the tools of a case read of the same prompt
  bool resume = false;   ///< go on with an interrupted run
  std::optional<SettingsFile> settings;
};

}  // namespace lensbench
