// Which features are chosen as the largest, against a sort of all of them.
#include "sparse_autoencoder/active.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/random.hpp>
#include <limits>
#include <vector>

namespace lensbench::dictionaries {
namespace {

std::vector<float> numbers(std::int64_t count, double shift) {
  Philox draw(11);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    // Steps of 1/8, so that many numbers are equal.
    values.push_back(static_cast<float>(std::round(8 * (draw.normal() + shift)) / 8));
  return values;
}

/// All values above 0, the largest first, of equal ones the first.
std::vector<ActiveEntry> sorted(const std::vector<float>& values, std::size_t k) {
  std::vector<ActiveEntry> entries;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] > 0) entries.emplace_back(static_cast<std::int64_t>(i), values[i]);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const ActiveEntry& a, const ActiveEntry& b) { return a.second > b.second; });
  entries.resize(std::min(k, entries.size()));
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<ActiveEntry> chosen(const std::vector<float>& values, std::int64_t k) {
  const std::vector<float> no_bias(values.size(), 0);
  std::vector<ActiveEntry> entries;
  largest(values.data(), no_bias.data(), nullptr, std::ssize(values), k, entries);
  return entries;
}

TEST(TheLargestFeatures, AreThoseOfASortAndOfEqualOnesTheFirst) {
  // Fewer than a block of 16, blocks and a rest, and more features asked for than there are.
  for (const std::int64_t features : {5, 256, 700, 4096})
    for (const std::int64_t k : {1, 16, 64, 300}) {
      const auto values = numbers(features, 0);
      EXPECT_EQ(chosen(values, k), sorted(values, static_cast<std::size_t>(k)))
          << features << " " << k;
    }
}

TEST(TheLargestFeatures, AreFewerWhereFewAreAboveZero) {
  const auto values = numbers(4096, -2.5);
  const auto expected = sorted(values, 4096);
  ASSERT_LT(expected.size(), 100);
  EXPECT_EQ(chosen(values, 100), expected);
}

TEST(TheLargestFeatures, AreNotNumbersThatAreUndefined) {
  std::vector<float> values(512, std::numeric_limits<float>::quiet_NaN());
  values[300] = 2;
  EXPECT_EQ(chosen(values, 4), (std::vector<ActiveEntry>{{300, 2.0F}}));
}

TEST(TheLargestFeatures, MayBeInfiniteOrTheSmallestNumberAboveZero) {
  // More of them than are kept, next to one another and apart.
  for (const float value :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::denorm_min()})
    for (const std::size_t step : {std::size_t{1}, std::size_t{37}}) {
      std::vector<float> values(4096, 0);
      for (std::size_t i = 0; i < 90; ++i) values[300 + i * step] = value;
      EXPECT_EQ(chosen(values, 64), sorted(values, 64)) << value << " " << step;
    }
}

TEST(TheLargestFeatures, AreOfSumsTimesTheirFactors) {
  // Sums 3, 1, 2 times 1, 5, 2: the largest two are the second and the third.
  const std::vector<float> products = {2, 0, 1}, bias = {1, 1, 1}, factors = {1, 5, 2};
  std::vector<ActiveEntry> entries;
  largest(products.data(), bias.data(), factors.data(), 3, 2, entries);
  EXPECT_EQ(entries, (std::vector<ActiveEntry>{{1, 5.0F}, {2, 4.0F}}));
}

}  // namespace
}  // namespace lensbench::dictionaries
