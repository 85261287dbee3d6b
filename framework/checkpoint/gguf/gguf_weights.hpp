#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "checkpoint/gguf/gguf_header.hpp"
#include "checkpoint/quantized/quantized_matrix.hpp"
#include "checkpoint/weights/mapped_file.hpp"
#include "checkpoint/weights/safetensors_header.hpp"

namespace lensbench {

/// The weights of a GGUF file, mapped, under the names that `transformers` has for them.
class GgufWeights {
 public:
  /// \param config  content of the config.json next to the file, which describes the model
  /// \throws InputError for a file that violates the format, a part of a split file, an
  /// architecture
  ///   whose names are not known, or one that is not that of config.json
  GgufWeights(const std::filesystem::path& path, const nlohmann::json& config);

  /// Descriptions by name. Tensors of blocks have their type as `unreadable_type` (`Q4_K`).
  const std::map<std::string, SafetensorsEntry, std::less<>>& entries() const { return entries_; }
  /// Whether any tensor has blocks.
  bool has_blocks() const;

  /// A tensor of F32, F16 or BF16, a view of the file or, where llama.cpp has another order of
  /// rows, a copy. \throws InputError for a tensor of blocks, or if the file changed since it was
  /// opened
  at::Tensor tensor(std::string_view name) const;
  /// A matrix of blocks. \throws InputError for any other tensor, or if the file changed
  std::shared_ptr<const QuantizedMatrix> matrix(std::string_view name) const;

 private:
  struct Place {
    const GgufTensor* tensor;
    std::int64_t paired_rows;  ///< as in QuantizedMatrix
  };
  void add(const std::string& name, const std::string& stored, const GgufTensor& tensor);
  std::int64_t heads(const char* key) const;
  std::int64_t paired_rows(std::string_view stored, const GgufTensor& tensor) const;
  const Place& place(std::string_view name) const;
  at::Tensor view(const GgufTensor& tensor, at::ScalarType type, at::IntArrayRef shape) const;

  std::shared_ptr<const MappedFile> file_;
  GgufHeader header_;
  std::string architecture_;
  std::map<std::string, SafetensorsEntry, std::less<>> entries_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace lensbench
