#include <cstddef>
#include <cstdint>

#include "picture_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lensbench::fuzz::decode_picture({reinterpret_cast<const char*>(data), size});
  return 0;
}
