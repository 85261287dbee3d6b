#pragma once

#include <cstdlib>
#include <lensbench/error.hpp>
#include <string_view>

#include "checkpoint/weights/safetensors_header.hpp"

namespace lensbench::fuzz {

/// Any bytes are either refused with an InputError or describe tensors inside the file.
inline void read_safetensors(std::string_view bytes) {
  try {
    const SafetensorsHeader header = parse_safetensors_header(bytes, "fuzz");
    const std::uint64_t data = bytes.size() - header.data_begin;
    for (const auto& [name, entry] : header.tensors) {
      std::uint64_t size = c10::elementSize(entry.dtype);
      for (const std::int64_t length : entry.shape) size *= static_cast<std::uint64_t>(length);
      if (entry.begin > entry.end || entry.end > data || entry.end - entry.begin != size)
        std::abort();
    }
  } catch (const InputError&) {
  }
}

}  // namespace lensbench::fuzz
