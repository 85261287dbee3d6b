#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <lensbench/export.hpp>
#include <string_view>

namespace lensbench {

/// A regular file mapped read-only, as it was when it was opened.
class LENSBENCH_API MappedFile {
 public:
  /// \throws InputError if the path is missing, unreadable or not a regular file (a FIFO or a
  /// device
  ///   is refused without being waited for)
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string_view bytes() const { return {data_, size_}; }

  /// Reading a mapping beyond the end of a file that has been truncated since kills the process, so
  /// every reader asks first. (A file cut between this call and the read cannot be caught.)
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
