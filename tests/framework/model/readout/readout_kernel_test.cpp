#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "model/readout/kernel.hpp"

namespace lensbench::readout {
namespace {

std::vector<float> logits(std::size_t n, float scale) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal(-40.0F, scale);
  std::vector<float> z(n);
  for (float& value : z) value = normal(generator);
  return z;
}

TEST(ReadoutKernel, ExponentiatesToSevenDigits) {
  for (const Kernel* kernel : available_kernels()) {
    Row row(2);
    Reference reference(2);
    for (double x = 0; x > -86; x -= 0.0137) {
      const float z[2] = {0.0F, static_cast<float>(x)};
      kernel->load_row(z, 2, row);
      kernel->sum_reference(row, reference);
      const double exact = std::exp(static_cast<double>(z[1]));
      EXPECT_NEAR(static_cast<double>(reference.exponentials[1]) / exact, 1.0, 2e-7) << x;
    }
  }
}

TEST(ReadoutKernel, FindsTheMaximumOfEachBlockAndOfTheRow) {
  for (const Kernel* kernel : available_kernels()) {
    const std::vector<float> z = logits(200, 3.0F);
    Row row(200);
    kernel->load_row(z.data(), 200, row);
    EXPECT_EQ(row.max, *std::max_element(z.begin(), z.end()));
    for (std::size_t block = 0; block < 4; ++block)
      EXPECT_EQ(
          row.block_max[block],
          *std::max_element(z.begin() + static_cast<std::ptrdiff_t>(block) * 64,
                            z.begin() + std::min<std::ptrdiff_t>(
                                            200, static_cast<std::ptrdiff_t>(block) * 64 + 64)));
  }
}

TEST(ReadoutKernel, SumsAsFloat64DoesWithinFloatLanes) {
  // A lane adds at most 16 float32 terms: relative error below 16 * 6e-8.
  for (const std::size_t n : {1UL, 15UL, 16UL, 17UL, 255UL, 1000UL, 1008UL})
    for (const Kernel* kernel : available_kernels()) {
      const std::vector<float> z = logits(n, 4.0F);
      Row row(1008);
      kernel->load_row(z.data(), static_cast<std::int64_t>(n), row);
      const RowSums sums = kernel->sum(row);
      double exponentials = 0, weighted = 0;
      for (const float value : z) {
        const double x = static_cast<double>(value - row.max);
        exponentials += std::exp(x);
        weighted += std::exp(x) * x;
      }
      EXPECT_NEAR(sums.exponentials, exponentials, 1e-6 * exponentials);
      EXPECT_NEAR(sums.weighted, weighted, 1e-6 * (1 + std::abs(weighted)));
    }
}

TEST(ReadoutKernel, CountsWhatLiesAboveABandAndMarksWhatLiesWithin) {
  for (const Kernel* kernel : available_kernels()) {
    std::vector<float> z(130, 0.0F);
    z[3] = 2.0F;
    z[70] = 1.0F;
    z[129] = 1.5F;
    Row row(130);
    kernel->load_row(z.data(), 130, row);
    EXPECT_EQ(kernel->count(row, 0.9F, 1.1F), 2);
    EXPECT_EQ(row.block_within[0], 0);
    EXPECT_EQ(row.block_within[1], 1);
    EXPECT_EQ(row.block_within[2], 0);
  }
}

}  // namespace
}  // namespace lensbench::readout
