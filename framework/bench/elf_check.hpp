#pragma once

#include <filesystem>

namespace lensbench {

/// Checks, before the loader maps it, that a file is a whole shared library of this machine's kind:
/// a truncated one would end the process with SIGBUS.
/// \throws PluginError(not_loadable)
void check_shared_library(const std::filesystem::path& path);

}  // namespace lensbench
