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

/// A settings file of a run, which the archive keeps unchanged.
struct SettingsFile {
  std::string path, text;
};

/// Where the weights of a model are while it runs. Results do not depend on it.
enum class Placement {
  automatic,  ///< in memory if they fit, else on disk
  memory,     ///< in memory: each case runs alone or in a batch
  stream,     ///< on disk: several cases pass each block before the next block is read
};

/// Request of a run, without its cases.
struct RunRequest {
  PluginEntryKind kind = PluginEntryKind::experiment;
  std::string name;                         ///< name of the experiment or tool
  std::string model;                        ///< directory, or hub name in the local hub cache
  std::map<std::string, std::string> set;   ///< parameters of the experiment or tool, as text
  std::vector<Intervention> interventions;  ///< changes of activations in every forward
  PluginSearch plugins;
  std::string dtype = "float32", device = "cpu";
  std::int64_t threads = 0;  ///< 0: one per core
  std::uint64_t seed = 0;
  bool profile = false;  ///< measure time and bytes of each component
  bool share = true;     ///< tools of a case share forwards of the same prompt
  Placement place = Placement::automatic;
  bool resume = false;           ///< continue an interrupted run
  std::int64_t block_cases = 0;  ///< cases that a rank gets at a time; 0: see `blocks_of`
  /// Longest time, in seconds, for which finished cases may remain unsafe while others run; 0: each
  /// case is safe before the next one begins.
  double commit_every_s = 1;
  std::optional<SettingsFile> settings;
};

}  // namespace lensbench
