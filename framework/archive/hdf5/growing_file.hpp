#pragma once

#include <cstddef>
#include <filesystem>

#include "core/files/file_descriptor.hpp"

namespace lensbench::hdf5 {

/// Memory for libhdf5's core driver that is a shared mapping of a file. The driver, which could
/// crash on a disk error, never sees one: when the disk is full, further memory is anonymous, and
/// `check` throws.
class GrowingFile {
 public:
  /// \throws RunError if the file cannot be created
  explicit GrowingFile(std::filesystem::path path);
  /// Removes the file unless it was finished.
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Resizes the memory, for image_callbacks.hpp.
  void* resize(std::size_t bytes);

  /// \throws RunError if the disk was full
  void check() const;
  /// Releases the mapped pages of this process; their content remains in the file.
  void relieve();
  /// Truncates the file to `bytes` and syncs it. \throws RunError
  void finish(std::size_t bytes);

 private:
  int allocate(std::size_t bytes);
  void unmap();
  void continue_in_memory(std::size_t bytes, int error);

  std::filesystem::path path_;
  FileDescriptor file_;
  std::byte* memory_ = nullptr;
  std::size_t mapped_ = 0;  ///< number of bytes mapped to the file
  std::size_t beyond_ = 0;  ///< number of bytes of anonymous memory that follow them
  int error_ = 0;
  std::size_t wanted_ = 0;
  bool finished_ = false;
};

}  // namespace lensbench::hdf5
