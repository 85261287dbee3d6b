// Values derived by hand on plain vectors. Planted models carry a reserved pair of coordinates that
// rules every norm, so they do not serve here.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "residual_geometry/capacity.hpp"
#include "residual_geometry/spread.hpp"
#include "residual_geometry/stream.hpp"

namespace lensbench::geometry {
namespace {

constexpr double kExact = 1e-12;

at::Tensor matrix(const std::vector<std::vector<double>>& rows) {
  std::vector<at::Tensor> out;
  for (const auto& row : rows) out.push_back(at::tensor(row, at::kDouble));
  return at::stack(out);
}

void expect_capacity(const at::Tensor& rows, double capacity, std::int64_t rank) {
  const Capacity found = capacity_of(rows);
  EXPECT_LT((found.capacity - capacity).abs().max().item<double>(), kExact);
  EXPECT_EQ(found.rank, rank);
  // Tight frames use all of their dimensions.
  EXPECT_NEAR(found.capacity_sum, static_cast<double>(rank), 1e-9);
}

TEST(CapacityOf, OrthonormalRowsIsOne) {
  expect_capacity(at::eye(3, at::kDouble), 1, 3);
  EXPECT_DOUBLE_EQ(capacity_of(at::eye(3, at::kDouble)).features_per_dimension, 1);
  EXPECT_LT(capacity_of(at::eye(3, at::kDouble)).interference.abs().max().item<double>(), kExact);
}

TEST(CapacityOf, AnAntipodalPairIsOneHalf) {
  expect_capacity(matrix({{1}, {-1}}), 0.5, 1);
  EXPECT_NEAR(capacity_of(matrix({{1}, {-1}})).interference[0].item<double>(), 1, kExact);
  EXPECT_DOUBLE_EQ(capacity_of(matrix({{1}, {-1}})).features_per_dimension, 2);
}

TEST(CapacityOf, APentagonIsTwoFifths) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 5; ++i) {
    const double angle = 2 * std::numbers::pi * i / 5;
    rows.push_back({std::cos(angle), std::sin(angle)});
  }
  expect_capacity(matrix(rows), 0.4, 2);
}

TEST(CapacityOf, ATetrahedronIsThreeQuarters) {
  expect_capacity(matrix({{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}}), 0.75, 3);
}

TEST(CapacityOf, RowsOfDifferentLengthEqualsTheSumOverAllPairs) {
  at::manual_seed(5);
  const at::Tensor w = at::randn({9, 4}, at::kDouble);
  const Capacity found = capacity_of(w);
  for (std::int64_t i = 0; i < 9; ++i) {
    const at::Tensor unit = w[i] / w[i].norm();
    double others = 0;
    for (std::int64_t j = 0; j < 9; ++j)
      if (j != i) others += std::pow(unit.dot(w[j]).item<double>(), 2);
    const double square = w[i].dot(w[i]).item<double>();
    EXPECT_NEAR(found.interference[i].item<double>(), others, 1e-11);
    EXPECT_NEAR(found.capacity[i].item<double>(), square / (square + others), kExact);
  }
  EXPECT_LE(found.capacity_sum, 4 + kExact);
}

TEST(CapacityOf, ARowOfZerosIsNotDefined) {
  const Capacity found = capacity_of(matrix({{0, 0}, {2, 0}}));
  EXPECT_TRUE(std::isnan(found.capacity[0].item<double>()));
  EXPECT_NEAR(found.capacity[1].item<double>(), 1, kExact);
  EXPECT_NEAR(found.capacity_sum, 1, kExact);
  EXPECT_EQ(found.rank, 1);
}

TEST(Spectrum, RanksOfHandExamples) {
  const at::Tensor flat = at::tensor({1.0, 1.0, 0.0}, at::kDouble);
  EXPECT_NEAR(participation_ratio(flat), 2, kExact);
  EXPECT_NEAR(effective_rank(flat), 2, kExact);
  const at::Tensor steep = at::tensor({3.0, 1.0}, at::kDouble);
  EXPECT_NEAR(participation_ratio(steep), 1.6, kExact);
  // q = 3/4, 1/4: -sum q ln q = .5623
  EXPECT_NEAR(std::log(effective_rank(steep)), 0.5623, 5e-5);
  EXPECT_NEAR(effective_rank(steep), 1.755, 5e-4);
  EXPECT_TRUE(std::isnan(participation_ratio(at::zeros({2}, at::kDouble))));
  EXPECT_TRUE(std::isnan(effective_rank(at::zeros({2}, at::kDouble))));
}

statistics::StreamingCovariance covariance_of(const at::Tensor& rows) {
  statistics::StreamingCovariance covariance(rows.size(1));
  covariance.add(rows);
  return covariance;
}

TEST(SpreadOf, ACrossOfRowsHasTheseDirections) {
  // Rows (±3, 0), (0, ±1) around (10, 0): covariance diag(6, 2/3), squares 100 + 4.5 and 0.5.
  const at::Tensor rows = matrix({{13, 0}, {7, 0}, {10, 1}, {10, -1}});
  const Spread spread = spread_of(covariance_of(rows), {.principal = 5, .outliers = 1});
  EXPECT_EQ(spread.rows, 4);
  EXPECT_NEAR(spread.total_variance, 20.0 / 3, kExact);
  EXPECT_NEAR(spread.explained_variance[0].item<double>(), 0.9, kExact);
  EXPECT_EQ(spread.explained_variance.size(0), 2) << "at most the width";
  EXPECT_NEAR(spread.directions[0][0].item<double>(), 1, kExact);
  EXPECT_NEAR(spread.participation_ratio, 1 / (0.81 + 0.01), kExact);
  EXPECT_EQ(spread.outlier_dimension[0].item<int>(), 0);
  EXPECT_NEAR(spread.outlier_share[0].item<double>(), 104.5 / 105, kExact);
  const Spread roots = spread_of(covariance_of(rows), {.singular_values = true});
  // Singular values 3 and 1: q = 3/4 and 1/4.
  EXPECT_NEAR(roots.effective_rank, std::exp(0.75 * std::log(4. / 3) + 0.25 * std::log(4.)), 1e-9);
}

TEST(SpreadOf, OneRowHasNoVariance) {
  const Spread spread = spread_of(covariance_of(matrix({{3, 4}})), {.outliers = 2});
  EXPECT_EQ(spread.rows, 1);
  EXPECT_TRUE(std::isnan(spread.total_variance));
  EXPECT_NEAR(spread.outlier_share[0].item<double>(), 16.0 / 25, kExact);
}

TEST(PairCosineOf, DocumentsIsTheMeanOverPairsOfDifferentOnes) {
  at::manual_seed(6);
  const at::Tensor rows = at::randn({11, 3}, at::kDouble);
  const std::vector<std::int64_t> documents = {4, 4, 4, 7, 7, 1, 1, 1, 1, 2, 2};
  PairCosine pairs(3);
  pairs.add(rows.narrow(0, 0, 2), 4);  // a document in two parts
  pairs.add(rows.narrow(0, 2, 1), 4);
  pairs.add(rows.narrow(0, 3, 2), 7);
  pairs.add(rows.narrow(0, 5, 4), 1);
  pairs.add(rows.narrow(0, 9, 2), 2);
  double sum = 0, count = 0;
  for (std::int64_t i = 0; i < 11; ++i)
    for (std::int64_t j = 0; j < i; ++j)
      if (documents[static_cast<std::size_t>(i)] != documents[static_cast<std::size_t>(j)]) {
        sum += (rows[i].dot(rows[j]) / rows[i].norm() / rows[j].norm()).item<double>();
        ++count;
      }
  EXPECT_NEAR(pairs.mean(), sum / count, kExact);
  EXPECT_EQ(pairs.documents(), 4);
}

TEST(PairCosineOf, OneDocumentIsTheMeanOverItsPairs) {
  PairCosine pairs(2);
  pairs.add(matrix({{1, 0}, {0, 5}, {-2, 0}, {0, 0}}), 0);  // a row of zeros has no direction
  EXPECT_NEAR(pairs.mean(), -1.0 / 3, kExact);
  EXPECT_TRUE(std::isnan(PairCosine(2).mean()));
}

TEST(Parts, SharesOfHandExamples) {
  const at::Tensor right = matrix({{3, 0}, {0, 4}}).unsqueeze(1);
  const Parts angles = parts_of(right, right.sum(0));
  EXPECT_NEAR(angles.share[0][0].item<double>(), 9.0 / 25, kExact);
  EXPECT_NEAR(angles.share[1][0].item<double>(), 16.0 / 25, kExact);
  EXPECT_NEAR(angles.cosine[0][0].item<double>(), 3.0 / 5, kExact);
  EXPECT_NEAR(angles.norm[1][0].item<double>(), 4, kExact);
  const at::Tensor against = matrix({{2, 0}, {-1, 0}}).unsqueeze(1);
  const Parts cancel = parts_of(against, against.sum(0));
  EXPECT_NEAR(cancel.share[0][0].item<double>(), 2, kExact);
  EXPECT_NEAR(cancel.share[1][0].item<double>(), -1, kExact);
  EXPECT_NEAR(write_ratio(against[0], against[1], against.sum(0))[0].item<double>(), 3, kExact);
}

TEST(Parts, OfAStreamThatCancelsIsNotDefined) {
  const at::Tensor parts = matrix({{1, 0}, {-1, 0}}).unsqueeze(1);
  EXPECT_TRUE(std::isnan(parts_of(parts, parts.sum(0)).share[0][0].item<double>()));
  EXPECT_TRUE(std::isnan(write_ratio(parts[0], parts[1], parts.sum(0))[0].item<double>()));
}

TEST(PathOf, AStreamThatTurnsAndGrows) {
  // (1, 0), then (1, 1), then (-2, 0), at one token.
  const Path path = path_of(matrix({{1, 0}, {1, 1}, {-2, 0}}).unsqueeze(1));
  EXPECT_NEAR(path.norm[1][0].item<double>(), std::sqrt(2.0), kExact);
  EXPECT_NEAR(path.cosine_to_final[0][0].item<double>(), -1, kExact);
  EXPECT_NEAR(path.cosine_to_final[2][0].item<double>(), 1, kExact);
  EXPECT_TRUE(std::isnan(path.cosine_to_previous[0][0].item<double>()));
  EXPECT_NEAR(path.cosine_to_previous[1][0].item<double>(), std::sqrt(0.5), kExact);
  EXPECT_NEAR(path.movement[0][0].item<double>(), 1, kExact);
  EXPECT_NEAR(path.movement[1][0].item<double>(), std::sqrt(10.0) / std::sqrt(2.0), kExact);
}

TEST(HeadLengths, EqualTheLengthsOfTheOutputs) {
  at::manual_seed(7);
  const at::Tensor z = at::randn({4, 3, 5}, at::kDouble), w_o = at::randn({3, 5, 8}, at::kDouble);
  const at::Tensor outputs = at::einsum("thd,hdm->htm", {z, w_o});
  EXPECT_LT((head_lengths(z, w_o) - outputs.norm(2, -1)).abs().max().item<double>(), 1e-11);
}

}  // namespace
}  // namespace lensbench::geometry
