#pragma once

#include <filesystem>

namespace lensbench {

/// Tries in a folder what several processes need to work on one run: that a file can be created
/// exclusively, synced, and given a second name by `link`.
/// \param folder  a folder of this process alone, on the file system of the run
/// \throws UsageError that names what the file system lacks; RunError if the folder cannot be
///   written
void require_shareable(const std::filesystem::path& folder);

}  // namespace lensbench
