#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// An unnamed temporary file for data that does not fit into memory. The system deletes it with its
/// last user, however the process ends.
class SpillFile {
 public:
  /// \param folder  empty: the system's folder for temporary files
  /// \throws RunError
  explicit SpillFile(std::filesystem::path folder = {});

  /// \return offset of the bytes, a multiple of the page size
  /// \throws RunError on a full disk
  std::int64_t append(std::span<const std::byte> bytes);
  std::int64_t size() const { return size_; }

  /// Private mapping of `bytes` bytes from `offset` on, read page by page on first access. It may
  /// outlive this object; writes to it do not change the file.
  std::shared_ptr<void> map(std::int64_t offset, std::size_t bytes) const;

 private:
  std::filesystem::path folder_;
  FileDescriptor file_;
  std::int64_t size_ = 0;
};

}  // namespace lensbench
