#pragma once

#include <filesystem>

#include "cli/parse/options.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// Command that began a run, as its folder has it.
struct BeginningOfRun {
  PluginEntryKind kind;
  Arguments arguments;
  std::filesystem::path directory;  ///< working directory, to which paths are relative
};

/// \param run  folder of a run that is not sealed
/// \throws InputError if the folder does not have the command
BeginningOfRun beginning_of(const std::filesystem::path& run);

/// The parsed arguments. \throws UsageError if this version does not have one of them
Options options_of(const BeginningOfRun& begun);

/// Folder of an unsealed run, if `file` is one or the archive that it will become; else empty.
std::filesystem::path unsealed_run(const std::filesystem::path& file);

}  // namespace lensbench::cli
