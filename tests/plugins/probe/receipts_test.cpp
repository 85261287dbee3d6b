#include "probe/receipts.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace lensbench::probing {
namespace {

/// 100 rows with labels 0 and 1 in turn, of which the first `right` are predicted rightly. Both
/// labels are predicted about equally often, so that chance is a half.
Receipt of_right_rows(std::int64_t right) {
  std::vector<std::int64_t> labels, predicted;
  for (std::int64_t i = 0; i < 100; ++i) {
    labels.push_back(i % 2);
    predicted.push_back(i < right ? i % 2 : 1 - i % 2);
  }
  const at::Tensor scores = at::one_hot(at::tensor(predicted, at::kLong), 2).to(at::kDouble);
  const HeldOut rows(scores, labels, std::vector<std::int64_t>(100, 0), true);
  return shuffled_receipt({rows}, labels, 2);
}

// With chance 1/2 and 100 rows, a standard deviation is 5 rows: 2 deviations are 60 rows. The limit
// of 1 % is 2.326, and twice that less than half of the way, 5.
TEST(ShuffledLabels, AreAtChanceWhereRowsAreRightTogether) {
  const Receipt receipt = of_right_rows(70);
  EXPECT_NEAR(receipt.value, 4.0, 1e-9);
  EXPECT_NEAR(receipt.tolerance, 2 * 2.3263, 1e-3);
  EXPECT_TRUE(receipt.passed);
}

TEST(ShuffledLabels, AreNotAtChanceWhereProbesSawThem) {
  const Receipt receipt = of_right_rows(100);
  EXPECT_NEAR(receipt.value, 10.0, 1e-9);
  EXPECT_FALSE(receipt.passed);
}

}  // namespace
}  // namespace lensbench::probing
