#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <memory>
#include <span>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// A temporary file without a name, for what memory has no room for: it is gone when its last user
/// is, however the process ends.
class LENSBENCH_API SpillFile {
 public:
  /// \param folder  empty: the system's folder for temporary files
  /// \throws RunError
  explicit SpillFile(std::filesystem::path folder = {});

  /// \return where the bytes lie, at a multiple of the page size
  /// \throws RunError on a full disk
  std::int64_t append(std::span<const std::byte> bytes);
  std::int64_t size() const { return size_; }

  /// Private memory that holds `bytes` bytes from `offset` on, read as it is touched; it may
  /// outlive the file. Writing to it changes nothing in the file.
  std::shared_ptr<void> map(std::int64_t offset, std::size_t bytes) const;

 private:
  std::filesystem::path folder_;
  FileDescriptor file_;
  std::int64_t size_ = 0;
};

}  // namespace lensbench
