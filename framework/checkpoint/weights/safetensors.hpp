#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/weights/mapped_file.hpp"
#include "checkpoint/weights/safetensors_header.hpp"

namespace lensbench {

/// A memory-mapped safetensors file, whose tensors are views of the file without copy or
/// conversion.
class SafetensorsFile {
 public:
  /// \throws InputError with file, tensor and fault for a file that violates a rule of the format
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  const std::map<std::string, SafetensorsEntry, std::less<>>& entries() const {
    return header_.tensors;
  }
  const std::map<std::string, std::string, std::less<>>& metadata() const {
    return header_.metadata;
  }

  /// CPU tensor of the stored element type and shape, a view of the file that keeps the mapping
  /// alive. The memory is read-only: a write ends the process, so clone the tensor first. A tensor
  /// whose offset is not a multiple of its element size is copied.
  /// \throws InputError if the tensor is missing or of an element type that cannot be read, or the
  /// file changed since it was opened
  at::Tensor tensor(std::string_view name) const;

  /// Bytes of a tensor of one of the element types of 8 bits that tensors here do not have
  /// (`F8_E4M3`), in its shape; otherwise like `tensor`.
  /// \throws InputError if the tensor is missing or its elements have another size, or the file
  /// changed since it was opened
  at::Tensor bytes(std::string_view name) const;

 private:
  at::Tensor view(const SafetensorsEntry& entry, at::ScalarType type) const;

  std::shared_ptr<const MappedFile> file_;
  SafetensorsHeader header_;
};

/// Description of a tensor to write.
struct SafetensorsTensor {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
};

/// Writes a safetensors file, with wider element types first, then by name, and a header padded so
/// that all data is aligned. The data goes to a temporary file that is renamed at the end, so the
/// file is complete or does not exist.
/// \param make  returns the tensor, of any strides and device; called once per tensor in the order
///   of the file, so that one tensor at a time is in memory
/// \throws UsageError for an element type that the format does not have; RunError if writing fails
void write_safetensors(const std::filesystem::path& path, std::vector<SafetensorsTensor> tensors,
                       const std::function<at::Tensor(const SafetensorsTensor&)>& make,
                       const std::map<std::string, std::string>& metadata = {});

/// Writes a safetensors file of tensors in memory.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace lensbench
