#include <array>
#include <lensbench/error.hpp>
#include <utility>

#include "checkpoint/weights/safetensors_header.hpp"

// Element types of the safetensors format and those of tensors. The names are those of the
// reference implementation, huggingface/safetensors.

namespace lensbench {
namespace {

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 10> kTypes = {{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
}};

/// Types of the reference implementation that need their own tensors: narrow floating-point numbers
/// of quantized models, unsigned and complex numbers.
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 12> kUnreadableTypes = {{
    {"F8_E4M3", 8},
    {"F8_E5M2", 8},
    {"F8_E8M0", 8},
    {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8},
    {"F6_E2M3", 6},
    {"F6_E3M2", 6},
    {"F4", 4},
    {"U16", 16},
    {"U32", 32},
    {"U64", 64},
    {"C64", 64},
}};

}  // namespace

/// Element type of a word of the format; `type` is unchanged if the word is unknown or unreadable.
bool scalar_type_of(std::string_view word, at::ScalarType& type) {
  for (const auto& [name, value] : kTypes) {
    if (name != word) continue;
    type = value;
    return true;
  }
  return false;
}

/// Sizes are needed for unreadable types too: the layout of a file is checked for all its tensors,
/// so that a file may have some of them.
std::uint64_t bits_of_unreadable_type(std::string_view word) {
  for (const auto& [name, bits] : kUnreadableTypes)
    if (name == word) return bits;
  return 0;
}

std::string_view safetensors_dtype(const SafetensorsEntry& entry) {
  return entry.unreadable_type.empty() ? safetensors_dtype(entry.dtype)
                                       : std::string_view(entry.unreadable_type);
}

std::string_view safetensors_dtype(at::ScalarType type) {
  for (const auto& [name, value] : kTypes)
    if (value == type) return name;
  throw UsageError(std::string("safetensors: element type ") + at::toString(type) +
                   " is not supported");
}

}  // namespace lensbench
