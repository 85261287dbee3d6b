#include <array>
#include <lensbench/error.hpp>
#include <utility>

#include "checkpoint/weights/safetensors_header.hpp"

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

}  // namespace

bool scalar_type_of(std::string_view word, at::ScalarType& type) {
  for (const auto& [name, value] : kTypes) {
    if (name != word) continue;
    type = value;
    return true;
  }
  return false;
}

std::string_view safetensors_dtype(at::ScalarType type) {
  for (const auto& [name, value] : kTypes)
    if (value == type) return name;
  throw UsageError(std::string("safetensors: element type ") + at::toString(type) +
                   " is not supported");
}

}  // namespace lensbench
