#pragma once

#include <filesystem>
#include <vector>

namespace lensbench {

/// Checks that a command may write a file, before anything is computed.
/// \param force   an existing file may be overwritten
/// \param inputs  files that the command reads, which are never overwritten
/// \throws UsageError for `-`, a missing folder, a folder, a device or a pipe, an existing file
///   without `force`, and an input
void check_output_file(const std::filesystem::path& file, bool force,
                       const std::vector<std::filesystem::path>& inputs);

}  // namespace lensbench
