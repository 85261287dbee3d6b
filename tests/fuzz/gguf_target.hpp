#pragma once

#include <cstdlib>
#include <lensbench/error.hpp>
#include <string_view>

#include "checkpoint/gguf/gguf_header.hpp"

namespace lensbench::fuzz {

/// Any bytes are either refused with an InputError or describe tensors inside the file, whose bytes
/// are those of their blocks.
inline void read_gguf(std::string_view bytes) {
  try {
    const GgufHeader header = parse_gguf_header(bytes, "fuzz");
    for (const auto& [name, tensor] : header.tensors) {
      const GgufTypeInfo& info = gguf_type_info(tensor.type);
      std::uint64_t elements = 1;
      for (const std::int64_t size : tensor.shape) elements *= static_cast<std::uint64_t>(size);
      const std::uint64_t blocks = elements / static_cast<std::uint64_t>(info.elements);
      if (tensor.begin > tensor.end || header.data_begin > bytes.size() ||
          tensor.end > bytes.size() - header.data_begin ||
          tensor.end - tensor.begin != blocks * static_cast<std::uint64_t>(info.bytes))
        std::abort();
    }
  } catch (const InputError&) {
  }
}

}  // namespace lensbench::fuzz
