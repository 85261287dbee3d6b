#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Element types of GGUF tensors that are read. Those with blocks have several elements in each.
enum class GgufType { f32, f16, bf16, q8_0, q4_k, q6_k };

struct GgufTypeInfo {
  GgufType type;
  std::uint32_t id;       ///< number in the file, `enum ggml_type` of ggml
  const char* name;       ///< as llama.cpp spells it: `Q4_K`
  std::int64_t elements;  ///< of a block
  std::int64_t bytes;     ///< of a block
};

/// What is known of a type.
const GgufTypeInfo& gguf_type_info(GgufType type);

/// Description of one tensor in the header of a GGUF file.
struct GgufTensor {
  GgufType type = GgufType::f32;
  std::vector<std::int64_t> shape;  ///< as in safetensors: the last axis is adjacent in memory
  std::uint64_t begin = 0;          ///< [begin, end) in bytes from the start of the data
  std::uint64_t end = 0;
};

struct GgufHeader {
  /// Values by key: numbers, booleans, texts, and lists of one kind. A text is kept as it is,
  /// whether or not it is UTF-8.
  std::map<std::string, nlohmann::json, std::less<>> metadata;
  std::map<std::string, GgufTensor, std::less<>> tensors;
  std::uint64_t data_begin = 0;  ///< bytes from the start of the file
};

/// Reads the header of a GGUF file of version 2 or 3 (github.com/ggml-org/ggml, docs/gguf.md) and
/// checks it: counts and lengths by the bytes that are left, shapes, types, alignment, and that
/// every tensor is within the file and overlaps no other. \param file     all bytes of the file
/// \param subject  path of the file, for messages
/// \throws InputError with subject, key or tensor, and fault
GgufHeader parse_gguf_header(std::string_view file, const std::string& subject);

}  // namespace lensbench
