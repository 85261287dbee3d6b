// Values derived by hand, and counts compared with all values at once.
#include "neurons/activity.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <lensbench/random.hpp>
#include <limits>
#include <vector>

namespace lensbench::neurons {
namespace {

constexpr double kExact = 1e-12;

/// Sizes over many octaves, of both signs, with zeros.
std::vector<float> mixed_values(std::size_t count) {
  Philox random(7);
  std::vector<float> values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(
        i % 9 == 0 ? 0.0F : static_cast<float>(random.normal() * std::exp(2 * random.normal())));
  return values;
}

std::vector<double> sizes_of(const std::vector<float>& values) {
  std::vector<double> sizes;
  sizes.reserve(values.size());
  for (const float value : values) sizes.push_back(std::abs(static_cast<double>(value)));
  return sizes;
}

SizeCounts counts_of(const std::vector<float>& values) {
  SizeCounts counts(1);
  for_each_tile(values.data(), 1, std::ssize(values),
                [&](const Tile& tile) { counts.add(0, tile); });
  return counts;
}

void add_rows(ColumnMoments& moments, const float* rows, std::int64_t width, std::int64_t count) {
  for_each_tile(rows, width, count, [&](const Tile& tile) { moments.add(tile); });
}

TEST(VectorMeasures, OfOneActiveNeuronAreTheLargest) {
  const VectorMeasures one = measures_of({0, 0, -3, 0, 0});
  EXPECT_DOUBLE_EQ(one.l1, 3);
  EXPECT_NEAR(one.hoyer, 1, kExact);
  EXPECT_NEAR(one.gini, 1 - 1.0 / 5, kExact);
}

TEST(VectorMeasures, OfEqualActivationsAreZero) {
  const VectorMeasures equal = measures_of({2, -2, 2, -2});
  EXPECT_NEAR(equal.hoyer, 0, kExact);
  EXPECT_NEAR(equal.gini, 0, kExact);
  EXPECT_NEAR(equal.kurtosis, -2, kExact) << "a coin";
  EXPECT_TRUE(std::isnan(measures_of({2, 2, 2}).kurtosis));
}

TEST(VectorMeasures, OfAHandExample) {
  // Sizes 1, 2, 3: L1 6, L2 sqrt 14; Gini by pairs: (1 + 2 + 1) * 2 / (2 * 9 * 2) = 2/9.
  const VectorMeasures found = measures_of({3, -1, 2});
  EXPECT_NEAR(found.hoyer, (std::sqrt(3.0) - 6 / std::sqrt(14.0)) / (std::sqrt(3.0) - 1), kExact);
  EXPECT_NEAR(found.gini, 2.0 / 9, kExact);
}

TEST(VectorMeasures, OfZerosAreNotDefined) {
  const VectorMeasures zero = measures_of({0, 0});
  EXPECT_TRUE(std::isnan(zero.hoyer));
  EXPECT_TRUE(std::isnan(zero.gini));
  EXPECT_TRUE(std::isnan(hoyer(1, 1, 1))) << "one number is neither sparse nor dense";
}

TEST(ColumnMoments, AreThoseOfAllRowsInFloat64) {
  // 300 columns, more than are updated at a time; far from 0 by up to a thousand deviations.
  constexpr std::int64_t kWidth = 300, kRows = 500;
  Philox random(8);
  std::vector<float> rows;
  for (std::int64_t r = 0; r < kRows; ++r)
    for (std::int64_t i = 0; i < kWidth; ++i)
      rows.push_back(
          static_cast<float>(random.normal() * (r % 7 == 0 ? 5 : 1) + (i % 3 == 0   ? 1000
                                                                       : i % 3 == 1 ? -3
                                                                                    : 0)));
  ColumnMoments whole(kWidth), parts(kWidth);
  add_rows(whole, rows.data(), kWidth, kRows);
  add_rows(parts, rows.data(), kWidth, 3);
  add_rows(parts, rows.data() + 3 * kWidth, kWidth, kRows - 3);
  for (std::int64_t i = 0; i < kWidth; ++i) {
    double sum = 0, squares = 0, second = 0, fourth = 0, positive = 0;
    double most = -1e300, least = 1e300;
    const auto value = [&](std::int64_t r) {
      return static_cast<double>(rows[static_cast<std::size_t>(r * kWidth + i)]);
    };
    for (std::int64_t r = 0; r < kRows; ++r) {
      sum += value(r);
      squares += value(r) * value(r);
      positive += value(r) > 0 ? 1 : 0;
      most = std::max(most, value(r));
      least = std::min(least, value(r));
    }
    for (std::int64_t r = 0; r < kRows; ++r) {
      const double square = (value(r) - sum / kRows) * (value(r) - sum / kRows);
      second += square / kRows;
      fourth += square * square / kRows;
    }
    const auto n = static_cast<std::size_t>(i);
    EXPECT_NEAR(whole.mean(n), sum / kRows, 1e-12 * std::sqrt(squares / kRows));
    EXPECT_NEAR(whole.root_mean_square(n), std::sqrt(squares / kRows),
                1e-12 * std::sqrt(squares / kRows));
    EXPECT_NEAR(whole.excess_kurtosis(n), fourth / (second * second) - 3, 1e-9);
    EXPECT_EQ(whole.maximum(n), most);
    EXPECT_EQ(whole.minimum(n), least);
    EXPECT_EQ(static_cast<double>(whole.positive(n)), positive);
    EXPECT_EQ(whole.excess_kurtosis(n), parts.excess_kurtosis(n)) << "however rows are split";
    EXPECT_EQ(whole.mean(n), parts.mean(n));
  }
}

TEST(Loops, OfAllInstructionSetsGiveTheSameBits) {
  const std::vector<float> values =
      mixed_values(static_cast<std::size_t>(kTileRows * kTileColumns));
  const auto lanes = static_cast<std::size_t>(kTileRows * kRowLanes);
  const Loops& baseline = *available_loops().front();
  for (const Loops* loops : available_loops()) {
    std::vector<double> l1(lanes, 0.5), squares(lanes, 0.25), other_l1(l1), other_squares(squares);
    EXPECT_EQ(loops->rows(values.data(), kTileRows, l1.data(), squares.data()),
              baseline.rows(values.data(), kTileRows, other_l1.data(), other_squares.data()));
    EXPECT_EQ(l1, other_l1);
    EXPECT_EQ(squares, other_squares);
    MomentSums sums, other;
    sums.shift.fill(0.1F);
    other.shift.fill(0.1F);
    loops->moments(values.data(), kTileRows, sums);
    baseline.moments(values.data(), kTileRows, other);
    EXPECT_EQ(sums.first, other.first);
    EXPECT_EQ(sums.second, other.second);
    EXPECT_EQ(sums.third, other.third);
    EXPECT_EQ(sums.fourth, other.fourth);
    EXPECT_EQ(sums.positive, other.positive);
  }
}

TEST(Loops, FindWhatIsNotANumber) {
  for (const Loops* loops : available_loops())
    for (const float odd :
         {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
          std::numeric_limits<float>::quiet_NaN()}) {
      std::vector<float> values(static_cast<std::size_t>(2 * kTileColumns), 3.0F);
      std::vector<double> l1(2 * kRowLanes, 0.0), squares(l1);
      EXPECT_EQ(loops->rows(values.data(), 2, l1.data(), squares.data()),
                std::bit_cast<std::int32_t>(3.0F));
      values[21] = odd;
      EXPECT_FALSE(std::isfinite(
          std::bit_cast<float>(loops->rows(values.data(), 2, l1.data(), squares.data()))));
    }
}

/// Widths that leave a part of a tile over, and more rows than a tile has.
TEST(Tiles, HoldEachValueOnce) {
  constexpr std::int64_t kRows = kTileRows + 3;
  for (const std::int64_t width : {1, 16, 37, 64, 100}) {
    std::vector<float> values(static_cast<std::size_t>(kRows * width));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) + 1;
    std::vector<float> found(values.size(), 0.0F);
    for_each_tile(values.data(), width, kRows, [&](const Tile& tile) {
      for (std::int64_t r = 0; r < tile.rows; ++r)
        for (std::int64_t i = 0; i < kTileColumns; ++i) {
          const float value = tile.values[r * kTileColumns + i];
          if (i >= tile.columns)
            EXPECT_EQ(value, 0);
          else
            found[static_cast<std::size_t>((tile.first_row + r) * width + tile.first_column + i)] +=
                value;
        }
    });
    EXPECT_EQ(found, values) << width;
  }
}

TEST(SizeCounts, OfTilesThatAreNotFullAreThoseOfEachNeuron) {
  constexpr std::int64_t kWidth = 21, kRows = 300;
  const std::vector<float> values = mixed_values(static_cast<std::size_t>(kWidth * kRows));
  SizeCounts together(kWidth);
  SignedCounts by_tile(16), by_value(16);
  for_each_tile(values.data(), kWidth, kRows, [&](const Tile& tile) {
    together.add(tile.first_column, tile);
    by_tile.add(tile);
  });
  for (const float& value : values) by_value.add(&value, 1);
  ASSERT_EQ(by_tile.exponent(), by_value.exponent());
  for (std::int64_t bin = -16; bin < 16; ++bin)
    EXPECT_EQ(by_tile.count(bin), by_value.count(bin)) << bin;
  for (std::int64_t n = 0; n < kWidth; ++n) {
    EXPECT_EQ(together.count(n), kRows);
    const float edge = together.nearest_edge(n, 0.7);
    std::int64_t larger = 0;
    for (std::int64_t r = 0; r < kRows; ++r)
      larger += std::abs(values[static_cast<std::size_t>(r * kWidth + n)]) >= edge ? 1 : 0;
    EXPECT_EQ(together.count_from(n, edge), larger) << n;
  }
}

TEST(ColumnMoments, OfEqualRowsHaveNoKurtosis) {
  ColumnMoments moments(2);
  EXPECT_TRUE(std::isnan(moments.mean(0)));
  const std::vector<float> rows = {0.1F, 1, 0.1F, -1, 0.1F, 1, 0.1F, -1};
  add_rows(moments, rows.data(), 2, 4);
  EXPECT_TRUE(std::isnan(moments.excess_kurtosis(0)));
  EXPECT_NEAR(moments.excess_kurtosis(1), -2, kExact) << "a coin";
}

TEST(SizeCounts, FromAnEdgeAreExact) {
  const std::vector<float> values = mixed_values(3000);
  const SizeCounts counts = counts_of(values);
  EXPECT_EQ(counts.count(0), 3000);
  for (const double size : {0.02, 0.1, 0.77, 1.0, 5.3, 40.0}) {
    const float edge = counts.nearest_edge(0, size);
    EXPECT_NEAR(edge, size, size / 32) << "five binary digits";
    EXPECT_EQ(counts.count_from(0, edge),
              std::count_if(values.begin(), values.end(),
                            [&](float value) { return std::abs(value) >= edge; }));
  }
}

TEST(SizeCounts, DoNotDependOnTheOrder) {
  std::vector<float> values = mixed_values(2000);
  values.push_back(3e6F);  // moves the smallest values out of the bins
  const SizeCounts forwards = counts_of(values);
  std::reverse(values.begin(), values.end());
  const SizeCounts backwards = counts_of(values);
  std::sort(values.begin(), values.end());
  const SizeCounts sorted = counts_of(values);
  for (const double size : {1e-8, 50.0, 700.0, 1e6, 1e9}) {
    const float edge = forwards.nearest_edge(0, size);
    EXPECT_EQ(edge, backwards.nearest_edge(0, size));
    EXPECT_EQ(forwards.count_from(0, edge), backwards.count_from(0, edge));
    EXPECT_EQ(forwards.count_from(0, edge), sorted.count_from(0, edge));
  }
  EXPECT_EQ(forwards.gini(0), backwards.gini(0));
  EXPECT_EQ(forwards.count(0), 2001);
}

TEST(SizeCounts, TheFirstEdgeIsSixteenOctavesBelowTheLargestValue) {
  const SizeCounts counts = counts_of({1.5F, 1e-9F, 0.0F});
  const float edge = counts.nearest_edge(0, 1e-7);
  EXPECT_EQ(edge, std::ldexp(1.0F, -15));
  EXPECT_EQ(counts.count_from(0, edge), 1);
  EXPECT_EQ(counts.count_from(0, counts.nearest_edge(0, 100)), 0);
}

TEST(SizeCounts, GiniIsThatOfAllValues) {
  const std::vector<float> values = mixed_values(5000);
  EXPECT_NEAR(counts_of(values).gini(0), gini(sizes_of(values)), 1e-3);
  EXPECT_NEAR(counts_of({0, 0, 7, 0}).gini(0), 0.75, kExact);
  EXPECT_NEAR(counts_of({3, -3, 3}).gini(0), 0, kExact);
  // Two values at opposite ends of their bins, the worst case.
  const std::vector<float> worst = {1.0F, 2.1249F};
  EXPECT_NEAR(counts_of(worst).gini(0), gini(sizes_of(worst)), 0.065);
  EXPECT_TRUE(std::isnan(counts_of({0, -0.0F}).gini(0)));
}

TEST(SizeCounts, OfZerosHaveNoEdge) {
  const SizeCounts counts = counts_of({0, 0, 0});
  EXPECT_EQ(counts.nearest_edge(0, 0), 0);
  EXPECT_EQ(counts.count_from(0, 0), 0);
  EXPECT_EQ(counts.count(0), 3);
}

TEST(SignedCounts, AreThoseOfAllValuesInAnyOrder) {
  std::vector<float> values = mixed_values(2000);
  values.push_back(-1e-30F);  // belongs to the bin below 0, whenever it comes
  SignedCounts forwards(16), backwards(16);
  forwards.add(values.data(), std::ssize(values));
  std::reverse(values.begin(), values.end());
  for (const float& value : values) backwards.add(&value, 1);
  ASSERT_EQ(forwards.exponent(), backwards.exponent());
  const double width = std::ldexp(1.0, forwards.exponent());
  for (std::int64_t bin = -17; bin <= 17; ++bin) {
    const auto in_bin = std::count_if(values.begin(), values.end(), [&](float value) {
      return static_cast<double>(value) >= static_cast<double>(bin) * width &&
             static_cast<double>(value) < static_cast<double>(bin + 1) * width;
    });
    EXPECT_EQ(forwards.count(bin), in_bin) << bin;
    EXPECT_EQ(backwards.count(bin), in_bin) << bin;
  }
}

TEST(SignedCounts, WidenByMergingPairs) {
  SignedCounts counts(4);
  const std::array<float, 5> values = {-3.5F, -0.5F, 0.5F, 1.5F, 3.5F};
  counts.add(values.data(), std::ssize(values));
  EXPECT_EQ(counts.exponent(), 0);
  EXPECT_EQ(counts.first(), -4);
  EXPECT_EQ(counts.last(), 3);
  counts.widen();
  EXPECT_EQ(counts.count(-2), 1);  // -4 to -2
  EXPECT_EQ(counts.count(-1), 1);
  EXPECT_EQ(counts.count(0), 2);
  EXPECT_EQ(counts.count(1), 1);
}

}  // namespace
}  // namespace lensbench::neurons
