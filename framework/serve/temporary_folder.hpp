#pragma once

#include <filesystem>

namespace lensbench::serve {

/// A folder of its own for temporary files, removed with its content at the end.
class TemporaryFolder {
 public:
  /// \throws RunError if it cannot be made
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace lensbench::serve
