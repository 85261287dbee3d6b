#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// Copy of bytes in memory that is not sealed.
/// \param path  path of their file, for messages
/// \throws PluginError(not_loadable) if it cannot be made
FileDescriptor copy_to_memory(std::span<const std::byte> bytes, const std::filesystem::path& path);

/// Path by which the system's loader and a debugger open memory of this process, valid while this
/// process runs and the descriptor is open.
std::string memory_path(const FileDescriptor& memory);

/// Copy of a file in memory that is sealed against changes, so that the bytes that are hashed, read
/// and loaded are the same.
class SealedFile {
 public:
  /// Copies and seals a file.
  /// \param descriptor  an open regular file, which is read from its start
  /// \param path        path of the file, for messages
  /// \throws PluginError(not_loadable) if it cannot be read or copied
  SealedFile(const FileDescriptor& descriptor, const std::filesystem::path& path);
  ~SealedFile();
  SealedFile(SealedFile&& other) noexcept;
  SealedFile& operator=(SealedFile&& other) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& sha256() const { return sha256_; }
  int descriptor() const { return memory_.get(); }
  /// Path of the bytes as of `memory_path`.
  std::string loader_path() const { return memory_path(memory_); }

 private:
  FileDescriptor memory_;
  std::string sha256_;
  std::span<const std::byte> bytes_;
};

}  // namespace lensbench
