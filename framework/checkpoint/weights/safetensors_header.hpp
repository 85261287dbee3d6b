#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Description of one tensor in the header of a safetensors file.
struct SafetensorsEntry {
  at::ScalarType dtype = at::kFloat;
  /// The word of an element type that the format has and tensors here do not (`F8_E4M3`, `U16`);
  /// empty for all others. Such a tensor cannot be read, and `dtype` then is a byte.
  std::string unreadable_type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  ///< [begin, end) in bytes from the end of the header
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
  std::uint64_t data_begin = 0;  ///< bytes from the start of the file
};

/// Reads the header of a safetensors file and checks all rules of the format before memory is
/// allocated for what the header claims. The memory used is bounded by the size of the header.
///
/// Format: u64 little-endian header length N; N bytes of JSON, padded with spaces, which map each
/// name to `dtype`, `shape`, `data_offsets` [begin, end), and `__metadata__` to strings; then the
/// data, which the tensors cover without gap or overlap.
/// \param file     all bytes of the file
/// \param subject  path of the file, for messages
/// \throws InputError with subject, tensor and fault
SafetensorsHeader parse_safetensors_header(std::string_view file, const std::string& subject);

/// Element type of a safetensors dtype: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL.
/// \return false for any other word
bool scalar_type_of(std::string_view word, at::ScalarType& type);

/// Bits of an element of a type that the format has and tensors here do not, such as F8_E4M3 or
/// U16. \return 0 for any other word
std::uint64_t bits_of_unreadable_type(std::string_view word);

/// The safetensors dtype of a tensor, whether it can be read or not.
std::string_view safetensors_dtype(const SafetensorsEntry& entry);

/// The safetensors dtype of an element type. \throws UsageError for one that the format does not
/// have
std::string_view safetensors_dtype(at::ScalarType type);

}  // namespace lensbench
