#include "core/peak_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <cstring>

namespace lensbench {
namespace {

constexpr std::size_t kMebi = 1 << 20;

/// Touches so many bytes and gives them back to the system, which `delete` need not do.
void use(std::size_t bytes) {
  void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  std::memset(block, 1, bytes);
  ASSERT_EQ(munmap(block, bytes), 0);
}

TEST(PeakMemory, OfASpanIsThatOfTheSpanAlone) {
  PeakMemory memory;
  memory.begin();
  use(96 * kMebi);
  const double large = memory.end();
  memory.begin();
  const double small = memory.end();
  if (std::isnan(large)) GTEST_SKIP() << "this system does not reset the peak";
  EXPECT_GE(large - small, 80.0 * kMebi);
  EXPECT_GE(memory.overall(), large);
}

TEST(PeakMemory, OfASpanHoldsThoseWithinIt) {
  PeakMemory memory;
  memory.begin();
  use(96 * kMebi);
  memory.begin();
  const double within = memory.end();
  const double around = memory.end();
  if (std::isnan(around)) GTEST_SKIP() << "this system does not reset the peak";
  EXPECT_GE(around - within, 80.0 * kMebi);
}

}  // namespace
}  // namespace lensbench
