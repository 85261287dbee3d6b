#include <cstddef>
#include <cstdint>

#include "preprocessor_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lensbench::fuzz::read_preprocessor({reinterpret_cast<const char*>(data), size});
  return 0;
}
