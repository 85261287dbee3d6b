#include "core/files/checksum.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lensbench {
namespace {

std::string of(const std::string& text) {
  return checksum_hex(std::as_bytes(std::span(text)));
}

// What `xxh128sum` 0.8.1 prints; 300 bytes take the path for long inputs.
TEST(Checksum, IsThatOfXxh128sum) {
  EXPECT_EQ(of(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(of("lensbench"), "ab638b2d5298d9c39edc1ae0efd9aab3");
  EXPECT_EQ(of(std::string(300, '\0')), "be8945035b2f421f56d0762b20085f91");
}

TEST(Checksum, ChangesWithEveryBit) {
  std::vector<std::byte> bytes(1000, std::byte{7});
  const std::string before = checksum_hex(bytes);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(checksum_hex(bytes), before) << "bit " << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

}  // namespace
}  // namespace lensbench
