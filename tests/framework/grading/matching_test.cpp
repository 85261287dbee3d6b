#include "grading/scores/matching.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/random.hpp>
#include <limits>
#include <numeric>

namespace lensbench::grading {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

/// The largest sum over all orders of the columns, tried one after another.
double best_of_all_orders(const Table& values) {
  std::vector<std::size_t> order(values.front().size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  double best = -std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[i][order[i]];
    best = std::max(best, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Each row by itself would take the first column: 5 + 4 is more than 9 + 0.
TEST(Matching, GivesUpTheLargestValueForALargerSum) {
  EXPECT_THAT(matched_values({{9, 5}, {4, -1}}), ElementsAre(5, 4));
}

TEST(Matching, HasTheSumOfTheBestOrder) {
  Philox random(3, 0);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t rows = 1 + random.below(5), columns = rows + random.below(3);
    Table values(rows, std::vector<double>(columns));
    for (auto& row : values)
      for (double& value : row) value = std::round(10 * random.normal());
    EXPECT_DOUBLE_EQ(sum_of(matched_values(values)), best_of_all_orders(values)) << trial;
  }
}

TEST(Matching, LeavesRowsWithoutAColumnAtZero) {
  EXPECT_THAT(matched_values({{1}, {3}, {2}}), ElementsAre(0, 3, 0));
  EXPECT_THAT(matched_values({{}, {}}), ElementsAre(0, 0));
}

TEST(Matching, CountsNanAsZero) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(matched_values({{nan, 1}, {2, nan}}), ElementsAre(1, 2));
  EXPECT_THAT(matched_values({{nan}}), ElementsAre(0));
}

// Directions at 0 and 90 degrees; found ones at 60 degrees, at 180 and one of length 0: 180 is 0
// with another sign, and 60 is 30 from 90.
TEST(MatchedCosines, DoNotDependOnSignLengthAndOrder) {
  const double s = std::sqrt(3.0) / 2;
  EXPECT_THAT(matched_cosines({{1, 0}, {0, 1}}, {{1, 2 * s}, {-5, 0}, {0, 0}}),
              ElementsAre(DoubleNear(1, 1e-12), DoubleNear(s, 1e-12)));
}

// (1, 1, 0), (1, -1, 0) and their sum fill a plane: two numbers, with the lengths and angles of
// before.
TEST(Span, KeepsProductsInFewerNumbers) {
  const Table vectors = {{1, 1, 0}, {1, -1, 0}, {2, 0, 0}};
  const Table inside = in_their_span(vectors);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(inside[i].size(), 2u);
    for (std::size_t k = 0; k < 3; ++k)
      EXPECT_NEAR(std::inner_product(inside[i].begin(), inside[i].end(), inside[k].begin(), 0.0),
                  std::inner_product(vectors[i].begin(), vectors[i].end(), vectors[k].begin(), 0.0),
                  1e-12);
  }
}

}  // namespace
}  // namespace lensbench::grading
