#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace lensbench {

/// SHA-256 of files, each of which is hashed again only when it has changed. May be used from
/// several threads.
class FileDigests {
 public:
  /// Digest of a file's bytes. \throws InputError if it cannot be read
  std::string of(const std::filesystem::path& file);

 private:
  /// Device, inode, length, and times of the last change of contents and of attributes.
  using Identity = std::array<std::int64_t, 7>;
  struct Known {
    Identity identity;
    std::string digest;
  };

  std::mutex mutex_;
  std::map<std::filesystem::path, Known> known_;
};

}  // namespace lensbench
