#pragma once

#include <cstdlib>
#include <lensbench/error.hpp>
#include <string>
#include <string_view>

#include "checkpoint/weights/safetensors_header.hpp"

namespace lensbench::fuzz {

/// Bits of an element. Types that tensors do not have are named by the file, and the number in the
/// name is the width.
inline std::uint64_t element_bits(const SafetensorsEntry& entry) {
  const std::string& type = entry.unreadable_type;
  if (type.empty()) return 8 * c10::elementSize(entry.dtype);
  return std::strtoull(type.c_str() + 1, nullptr, 10);  // F4, F6_E2M3, F8_E4M3, U16, C64
}

/// Any bytes are either refused with an InputError or describe tensors inside the file.
inline void read_safetensors(std::string_view bytes) {
  try {
    const SafetensorsHeader header = parse_safetensors_header(bytes, "fuzz");
    const std::uint64_t data = bytes.size() - header.data_begin;
    for (const auto& [name, entry] : header.tensors) {
      std::uint64_t bits = element_bits(entry);
      for (const std::int64_t length : entry.shape) bits *= static_cast<std::uint64_t>(length);
      if (entry.begin > entry.end || entry.end > data || 8 * (entry.end - entry.begin) != bits)
        std::abort();
    }
  } catch (const InputError&) {
  }
}

}  // namespace lensbench::fuzz
