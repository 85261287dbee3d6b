#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lensbench {

/// A binary that may be loaded.
struct LockedPlugin {
  std::string name;  ///< name in its descriptor
  std::string file;  ///< name of the file without its folder, since an installed tree may be moved
  std::string sha256;                ///< SHA-256 of the file
  std::vector<std::string> entries;  ///< `tool logit_lens 1.0.0`, for users and messages
};

/// List of all binaries that may be loaded.
struct PluginLock {
  std::filesystem::path path;  ///< file of the lock, for messages
  std::vector<LockedPlugin> plugins;

  /// Reads a lock file. \throws InputError for a file that cannot be read or is not a lock
  static PluginLock read(const std::filesystem::path& path);
  /// Text of the lock file.
  std::string text() const;

  /// Checks that a binary with this hash is listed.
  /// \throws PluginError(not_pinned) with the found and the expected hash otherwise
  void check(const std::filesystem::path& library, const std::string& sha256) const;
};

/// Whether a text is a SHA-256: 64 lower-case hexadecimal digits.
bool is_sha256(const std::string& text);

}  // namespace lensbench
