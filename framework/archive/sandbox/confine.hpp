#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <vector>

namespace lensbench {

/// What a process that reads foreign files may touch.
struct Access {
  std::vector<std::filesystem::path> files;          ///< to read
  std::vector<std::filesystem::path> writable = {};  ///< folders to write in
  std::vector<std::filesystem::path> folders = {};   ///< to read with all in them
};

/// What reading these files may take, by their size.
struct ReadLimits {
  std::uint64_t memory_bytes;  ///< over what is mapped already
  std::uint64_t cpu_seconds;
  std::uint64_t wall_seconds;
};
LENSBENCH_API ReadLimits limits_for(const Access& access);

/// For good, in this process: limits on memory, time, written and open files, no core dump, and,
/// where the kernel has Landlock, no file but those of `access` and no network.
LENSBENCH_API void confine(const Access& access, const ReadLimits& limits);

/// The limit on memory alone. For good, in this process.
LENSBENCH_API void limit_memory(const ReadLimits& limits);

/// Whether this kernel can take the file system away from a process (Landlock).
LENSBENCH_API bool can_confine_files();

}  // namespace lensbench
