#pragma once

#include <cstddef>
#include <filesystem>

#include "core/files/file_descriptor.hpp"

namespace lensbench::hdf5 {

/// Memory for libhdf5's core driver that is a shared mapping of a file. The driver never sees a
/// disk error, on which it could crash: once the disk is full it goes on in plain memory, and
/// `check` throws.
class GrowingFile {
 public:
  /// \throws RunError if the file cannot be created
  explicit GrowingFile(std::filesystem::path path);
  /// Removes the file unless it was finished.
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// See image_callbacks.hpp.
  void* resize(std::size_t bytes);

  /// \throws RunError once the disk was full
  void check() const;
  /// Takes the mapped pages out of this process; their content stays in the file.
  void relieve();
  /// Cuts the file to `bytes` and syncs it. \throws RunError
  void finish(std::size_t bytes);

 private:
  int allocate(std::size_t bytes);
  void unmap();
  void continue_in_memory(std::size_t bytes, int error);

  std::filesystem::path path_;
  FileDescriptor file_;
  std::byte* memory_ = nullptr;
  std::size_t mapped_ = 0;  ///< bytes of the file
  std::size_t beyond_ = 0;  ///< bytes behind them that are plain memory
  int error_ = 0;
  std::size_t wanted_ = 0;
  bool finished_ = false;
};

}  // namespace lensbench::hdf5
