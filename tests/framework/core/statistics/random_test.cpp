#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <vector>

namespace lensbench {
namespace {

using Block = std::array<std::uint32_t, 4>;

// The three known answers for "philox4x32 10" in Random123's kat_vectors.
TEST(Philox, GivesTheKnownAnswerForZeros) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(Philox, GivesTheKnownAnswerForOnes) {
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32_10({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Philox, GivesTheKnownAnswerForDigitsOfPi) {
  EXPECT_EQ(
      philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, StartsWithTheBlockOfCounterZero) {
  Philox random(0);
  EXPECT_EQ(random.next_u32(), 0x6627e8d5u);
  EXPECT_EQ(random.next_u32(), 0xe169c58du);
}

TEST(Philox, RepeatsForTheSameSeedAndStream) {
  Philox a(7, 3), b(7, 3);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(a.next_u32(), b.next_u32());
}

TEST(Philox, DiffersBetweenStreamsAndSeeds) {
  EXPECT_NE(Philox(7, 3).next_u32(), Philox(7, 4).next_u32());
  EXPECT_NE(Philox(7, 3).next_u32(), Philox(8, 3).next_u32());
  EXPECT_NE(Philox(7).next_u32(), Philox(7 + (std::uint64_t{1} << 32)).next_u32());
}

// The first two words of seed 0 give ((0x6627e8d5 >> 5) * 2^26 + (0xe169c58d >> 6)) / 2^53.
TEST(Philox, UniformTakes53Bits) {
  EXPECT_EQ(Philox(0).uniform(), (53559110.0 * 67108864.0 + 59090710.0) / 9007199254740992.0);
}

TEST(Philox, UniformHasTheMomentsOfAUniformVariable) {
  Philox random(1);
  double sum = 0, squares = 0;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
  }
  // Five standard errors: sqrt(1/12/n) and sqrt(4/45/n).
  EXPECT_NEAR(sum / n, 0.5, 0.0046);
  EXPECT_NEAR(squares / n, 1.0 / 3.0, 0.0048);
}

TEST(Philox, NormalHasTheMomentsOfAStandardNormal) {
  Philox random(2);
  double sum = 0, squares = 0, fourth = 0;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  // Five standard errors of each moment: sqrt(1/n), sqrt(2/n), sqrt(96/n).
  EXPECT_NEAR(sum / n, 0.0, 0.016);
  EXPECT_NEAR(squares / n, 1.0, 0.023);
  EXPECT_NEAR(fourth / n, 3.0, 0.155);
}

TEST(Philox, BelowReachesEveryValueEvenly) {
  Philox random(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  // Five standard deviations of a count: sqrt(70000 * 1/7 * 6/7) = 92.6.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 463);
}

TEST(Philox, BelowZeroIsAUsageError) {
  EXPECT_THROW(Philox(0).below(0), UsageError);
}

}  // namespace
}  // namespace lensbench
