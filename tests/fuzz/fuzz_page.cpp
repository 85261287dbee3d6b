#include <cstddef>
#include <cstdint>

#include "fuzz/page_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lensbench::fuzz::write_page_text({reinterpret_cast<const char*>(data), size});
  return 0;
}
