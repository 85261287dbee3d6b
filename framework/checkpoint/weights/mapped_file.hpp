#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace lensbench {

/// A regular file, mapped read-only.
class MappedFile {
 public:
  /// \throws InputError if the file is missing, unreadable or not a regular file (a FIFO or device
  ///   is refused without waiting for it)
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string_view bytes() const { return {data_, size_}; }

  /// Checks that the file did not change; call it before reading. A read beyond the end of a
  /// truncated file would kill the process. (A truncation between this call and the read cannot be
  /// detected.)
  /// \throws InputError if the file was truncated, extended or rewritten since it was opened
  void require_unchanged() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  timespec modified_{};
};

}  // namespace lensbench
