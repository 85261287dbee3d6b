#include <cstddef>
#include <cstdint>

#include "tokenizer_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lensbench::fuzz::read_tokenizer({reinterpret_cast<const char*>(data), size});
  return 0;
}
