#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// The bytes of a file as they were at one moment, in memory that nobody can change any more: what
/// is hashed, read and loaded from it is one and the same.
class SealedFile {
 public:
  /// \param descriptor  an open regular file, read from its start
  /// \param path        for messages
  /// \throws PluginError(not_loadable) if it cannot be read or copied
  SealedFile(const FileDescriptor& descriptor, const std::filesystem::path& path);
  ~SealedFile();
  SealedFile(SealedFile&& other) noexcept;
  SealedFile& operator=(SealedFile&& other) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& sha256() const { return sha256_; }
  int descriptor() const { return memory_.get(); }
  /// A name by which the system's loader, and a debugger, finds the bytes while this process lives
  /// and the descriptor is open.
  std::string loader_path() const;

 private:
  FileDescriptor memory_;
  std::string sha256_;
  std::span<const std::byte> bytes_;
};

}  // namespace lensbench
