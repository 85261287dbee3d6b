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

/// A safetensors file, mapped: its tensors are views of the file, nothing is copied or converted.
class LENSBENCH_API SafetensorsFile {
 public:
  /// \throws InputError naming file, tensor and fault for a file that breaks any rule of the format
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  const std::map<std::string, SafetensorsEntry, std::less<>>& entries() const {
    return header_.tensors;
  }
  const std::map<std::string, std::string, std::less<>>& metadata() const {
    return header_.metadata;
  }

  /// A view of the file, in its stored element type and shape, on the CPU; it keeps the mapping
  /// alive by itself. Read-only memory: writing into it ends the process, so clone first. A tensor
  /// that does not lie at a multiple of its element size is copied.
  /// \throws InputError if there is no such tensor, or the file changed since it was opened
  at::Tensor tensor(std::string_view name) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  SafetensorsHeader header_;
};

/// A tensor to be written.
struct SafetensorsTensor {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
};

/// Writes a safetensors file: header padded so that all data is aligned, wider element types first,
/// then by name. Complete or not there: written beside and renamed.
/// \param make  called once for each tensor in the order of the file, so that no two need to be in
///   memory at once; any strides and device
/// \throws UsageError for an element type the format does not have; RunError when writing fails
LENSBENCH_API void write_safetensors(
    const std::filesystem::path& path, std::vector<SafetensorsTensor> tensors,
    const std::function<at::Tensor(const SafetensorsTensor&)>& make,
    const std::map<std::string, std::string>& metadata = {});

/// As above, of tensors that are there.
LENSBENCH_API void write_safetensors(const std::filesystem::path& path,
                                     const std::map<std::string, at::Tensor>& tensors,
                                     const std::map<std::string, std::string>& metadata = {});

}  // namespace lensbench
