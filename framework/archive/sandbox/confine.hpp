#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace lensbench {

/// Files that a process which reads untrusted files may access.
struct Access {
  std::vector<std::filesystem::path> files;          ///< files to read
  std::vector<std::filesystem::path> writable = {};  ///< folders to write to
  std::vector<std::filesystem::path> folders = {};   ///< folders to read with their content
  /// Folders of the system to read with their content, such as those of fonts. They do not raise
  /// the limits.
  std::vector<std::filesystem::path> system = {};
};

/// Limits for reading files.
struct ReadLimits {
  std::uint64_t memory_bytes;  ///< in addition to the memory that is mapped already
  std::uint64_t cpu_seconds;
  std::uint64_t wall_seconds;
};
/// Limits by the size of the files in `access`.
ReadLimits limits_for(const Access& access);

/// Permanently confines this process: limits memory, time, written and open files, disables core
/// dumps and, if the kernel has Landlock, denies the network and all files except those of
/// `access`.
void confine(const Access& access, const ReadLimits& limits);

/// Permanently limits the memory of this process.
void limit_memory(const ReadLimits& limits);

/// Whether this kernel can deny a process access to files (Landlock).
bool can_confine_files();

}  // namespace lensbench
