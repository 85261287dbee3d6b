#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lensbench::testing {

/// Eight little-endian bytes, as a safetensors file begins.
inline std::string length_prefix(std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i, length >>= 8) bytes += static_cast<char>(length & 0xff);
  return bytes;
}

/// A file with this header, as it is, and so many bytes of data.
inline std::string safetensors_bytes(std::string_view header, std::size_t data_bytes) {
  return length_prefix(header.size()) + std::string(header) + std::string(data_bytes, '\0');
}

}  // namespace lensbench::testing
