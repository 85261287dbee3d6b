#include <cstddef>
#include <cstdint>

#include "gguf_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lensbench::fuzz::read_gguf({reinterpret_cast<const char*>(data), size});
  return 0;
}
