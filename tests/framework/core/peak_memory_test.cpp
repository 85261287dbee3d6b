#include "core/peak_memory.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>

namespace lensbench {
namespace {

constexpr std::size_t kMebi = 1 << 20;

/// Touches so many bytes and gives them back.
void use(std::size_t bytes) {
  // A block of this size is mapped for itself, and unmapped with its end.
  const std::unique_ptr<char[]> block(new char[bytes]);
  std::memset(block.get(), 1, bytes);
  ASSERT_EQ(block[bytes / 2], 1);
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
