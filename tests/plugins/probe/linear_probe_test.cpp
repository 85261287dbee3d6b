// Probes whose coefficients are derived by hand.
#include "probe/linear_probe.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <lensbench/random.hpp>

#include "common/folds.hpp"
#include "probe/neurons.hpp"
#include "probe_fixture.hpp"

namespace lensbench::probing {
namespace {

at::Tensor column(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).unsqueeze(1);
}
at::Tensor labels_of(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}

LinearProbe of_four_points(Kind kind) {
  return TrainingRows(column({-1, -1, 1, 1}), labels_of({0, 0, 1, 1}), 2, {.kind = kind}).fit(1);
}

TEST(LinearProbe, OfFourPointsSolvesItsEquation) {
  // Two points each at 1 and -1, lambda 1: 4 / (1 + e^w) = w.
  const LinearProbe probe = of_four_points(Kind::logistic);
  EXPECT_NEAR(probe.weights[1][0].item<double>(), 1.04260, 5e-6);
  EXPECT_NEAR(probe.intercepts[1].item<double>(), 0, 1e-9);
}

TEST(LinearProbe, OfMeansIsTheirDifferenceWithTheThresholdHalfway) {
  const LinearProbe probe = of_four_points(Kind::mean_difference);
  EXPECT_DOUBLE_EQ(probe.weights[1][0].item<double>(), 2);
  EXPECT_DOUBLE_EQ(probe.intercepts[1].item<double>(), 0);
  const LinearProbe shifted = TrainingRows(column({2, 4, 7, 9}), labels_of({0, 0, 1, 1}), 2,
                                           {.kind = Kind::mean_difference})
                                  .fit(1);
  // Means 3 and 8: theta 5, threshold 5.5.
  EXPECT_DOUBLE_EQ(shifted.weights[1][0].item<double>(), 5);
  EXPECT_DOUBLE_EQ(shifted.intercepts[1].item<double>(), -27.5);
}

TEST(LinearProbe, OfMassDividesByTheVarianceWithinLabels) {
  const LinearProbe probe =
      TrainingRows(column({2, 4, 7, 9}), labels_of({0, 0, 1, 1}), 2, {.kind = Kind::mass_mean})
          .fit(1);
  // One coordinate: its variance within labels is 1, and shrinking leaves it as it is.
  EXPECT_NEAR(probe.weights[1][0].item<double>(), 5, 1e-9);
  EXPECT_NEAR(probe.intercepts[1].item<double>(), -27.5, 1e-9);
}

TEST(LinearProbe, OfMassWithoutSpreadIsThatOfMeans) {
  const at::Tensor rows =
      at::tensor(std::vector<double>{0, 1, 0, 1, 2, 3, 2, 3}, at::kDouble).view({4, 2});
  const LinearProbe probe =
      TrainingRows(rows, labels_of({0, 0, 1, 1}), 2, {.kind = Kind::mass_mean}).fit(1);
  EXPECT_DOUBLE_EQ(probe.weights[1][0].item<double>(), 2);
  EXPECT_DOUBLE_EQ(probe.weights[1][1].item<double>(), 2);
}

TEST(LinearProbe, OfGaussiansIsRightAsOftenAsTheirDistanceAllows) {
  // Means at 1 and -1, deviation 1: P(N(1, 1) > 0) = .8413. Of 20,000 rows the share has a
  // deviation of .0026.
  Philox random(11);
  std::vector<double> values;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 20000; ++i) {
    labels.push_back(i % 2);
    values.push_back(random.normal() + (i % 2 == 1 ? 1 : -1));
  }
  for (const Kind kind : {Kind::logistic, Kind::ridge, Kind::mean_difference, Kind::mass_mean}) {
    const LinearProbe probe = TrainingRows(column(values).narrow(0, 0, 2000),
                                           labels_of(labels).narrow(0, 0, 2000), 2, {.kind = kind})
                                  .fit(1);
    const at::Tensor right = probe.scores(column(values)).argmax(1).eq(labels_of(labels));
    EXPECT_NEAR(right.to(at::kDouble).mean().item<double>(), 0.8413, 0.008);
  }
}

TEST(LinearProbe, DoesNotSeeHeldOutRowsWhenItScales) {
  // A leak of the scaling would show as another probe when a row that is not fitted changes.
  const at::Tensor rows = column({-1, -2, 1, 3});
  const TrainingRows training(rows, labels_of({0, 0, 1, 1}), 2, {});
  const LinearProbe probe = training.fit(1);
  // Mean .25 and deviation sqrt(3.6875) of the four rows alone.
  const at::Tensor scaled = (rows - 0.25) / std::sqrt(3.6875);
  const LinearProbe own =
      TrainingRows(scaled, labels_of({0, 0, 1, 1}), 2, {.standardize = false}).fit(1);
  EXPECT_NEAR(probe.weights[1][0].item<double>(),
              own.weights[1][0].item<double>() / std::sqrt(3.6875), 1e-9);
}

TEST(SparseCoordinates, AreThoseWithTheLargestDifferenceOfMeans) {
  // Differences of the means: 1, 4, 2, 0.
  const at::Tensor rows = at::tensor(std::vector<double>{0, 0, 5, 1, 1, 4, 3, 1}, at::kDouble)
                              .view({2, 4})
                              .repeat({3, 1});
  const LinearProbe probe =
      TrainingRows(rows, labels_of({0, 1, 0, 1, 0, 1}), 2, {.kind = Kind::sparse, .sparse_k = 2})
          .fit(1);
  EXPECT_TRUE(probe.weights[1].nonzero().squeeze(1).equal(labels_of({1, 2})));
}

TEST(Folds, KeepGroupsTogetherAndLabelsEven) {
  std::vector<std::int64_t> labels, groups;
  for (std::int64_t i = 0; i < 60; ++i) {
    labels.push_back(i / 3 % 2);
    groups.push_back(i / 3);
  }
  Philox random(5);
  const auto parts = deal(labels, groups, 2, 5, random);
  EXPECT_EQ(divided_groups(parts, groups), 0);
  for (std::int64_t part = 0; part < 5; ++part) {
    const auto own = at_rows(labels, rows_in(parts, part));
    EXPECT_EQ(own.size(), 12);
    EXPECT_EQ(std::count(own.begin(), own.end(), 1), 6);
  }
}

TEST(Neurons, AreMeasuredByRanksAndByDeviations) {
  // Ranks of label 1: 2, 3.5, 5 of 5: U = 10.5 - 6 = 4.5 of 6 pairs. A constant column says
  // nothing.
  const at::Tensor values =
      at::tensor(std::vector<double>{1, 7, 2, 7, 3, 7, 3, 7, 4, 7}, at::kDouble).view({5, 2});
  const std::vector<std::int64_t> labels = {0, 1, 0, 1, 1};
  EXPECT_DOUBLE_EQ(column_auroc(values, labels)[0].item<double>(), 0.75);
  EXPECT_DOUBLE_EQ(column_auroc(values, labels)[1].item<double>(), 0.5);
  // Means 3 and 2, pooled variance ((1 + 0 + 1) + (1 + 1)) / 3.
  const at::Tensor effect = column_effect_size(values, labels, {});
  EXPECT_NEAR(effect[0].item<double>(), 1 / std::sqrt(4.0 / 3), 1e-12);
  EXPECT_TRUE(std::isnan(effect[1].item<double>()));
  // Differences within pairs: 1, 1, 4: mean 2, variance 3.
  const at::Tensor paired = column_effect_size(column({0, 1, 5, 6, 2, 6}), {0, 1, 0, 1, 0, 1},
                                               {"a", "a", "b", "b", "c", "c"});
  EXPECT_NEAR(paired[0].item<double>(), 2 / std::sqrt(3.0), 1e-12);
}

}  // namespace
}  // namespace lensbench::probing
