#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// One binary that may be loaded.
struct LockedPlugin {
  std::string name;    ///< of its descriptor
  std::string file;    ///< name of the file, without folder: an installed tree may be moved
  std::string sha256;  ///< of the file
  std::vector<std::string> entries;  ///< `tool logit_lens 1.0.0`, for readers and for messages
};

/// The binaries that may be loaded, and no others.
struct PluginLock {
  std::filesystem::path path;  ///< where it was read, for messages
  std::vector<LockedPlugin> plugins;

  /// \throws InputError for a file that cannot be read or is no lock
  LENSBENCH_API static PluginLock read(const std::filesystem::path& path);
  /// The text of a lock file.
  LENSBENCH_API std::string text() const;

  /// \throws PluginError(not_pinned) with both hashes unless a binary with this hash is listed
  void check(const std::filesystem::path& library, const std::string& sha256) const;
};

/// 64 lower-case hexadecimal digits.
LENSBENCH_API bool is_sha256(const std::string& text);

}  // namespace lensbench
