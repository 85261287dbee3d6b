#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>

// Expected values are worked out by hand; those marked NumPy were computed with NumPy 2.4.
// Tolerances of 1e-15 to 1e-14 allow for the rounding of a handful of float64 operations.
namespace lensbench::statistics {
namespace {

const double kMissing = std::nan("");

TEST(Mean, LeavesOutMissingValues) {
  EXPECT_DOUBLE_EQ(mean({1, kMissing, 4}), 2.5);
  EXPECT_TRUE(std::isnan(mean({kMissing})));
  EXPECT_TRUE(std::isnan(mean({})));
}

TEST(StandardError, DividesTheSampleDeviationByTheRootOfTheCount) {
  // Deviations -2, 0, 0, 2: variance 8/3, divided by 4 cases.
  EXPECT_NEAR(standard_error({1, 3, 3, 5}), std::sqrt(8.0 / 3.0 / 4.0), 1e-15);
}

TEST(StandardError, IsNotANumberForOneValue) {
  EXPECT_TRUE(std::isnan(standard_error({3})));
  EXPECT_TRUE(std::isnan(standard_error({3, kMissing})));
}

TEST(Quantile, InterpolatesLinearlyAsNumPyDoes) {
  const std::vector<double> values{7, 1, 3, 10};
  EXPECT_DOUBLE_EQ(quantile(values, 0.0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 0.25), 2.5);  // NumPy: quantile([7,1,3,10], .25)
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.75), 7.75);  // NumPy
  EXPECT_DOUBLE_EQ(quantile(values, 1.0), 10);
}

TEST(Quantile, LeavesOutMissingValues) {
  EXPECT_DOUBLE_EQ(quantile({kMissing, 4, 2}, 0.5), 3);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

TEST(Pearson, AgreesWithAWorkedExample) {
  // Deviations (-1, 0, 1) and (-5/3, 1/3, 4/3): 3 / sqrt(2 * 14/3).
  EXPECT_NEAR(pearson({1, 2, 3}, {2, 4, 5}), 3.0 / std::sqrt(28.0 / 3.0), 1e-15);
}

TEST(Pearson, IsOneForALineAndMinusOneForItsReverse) {
  EXPECT_NEAR(pearson({1, 2, 4}, {10, 20, 40}), 1.0, 1e-15);
  EXPECT_NEAR(pearson({1, 2, 4}, {-10, -20, -40}), -1.0, 1e-15);
}

TEST(Pearson, IsNotANumberWhereNothingVaries) {
  EXPECT_TRUE(std::isnan(pearson({0.1, 0.1, 0.1}, {1, 2, 3})));
  EXPECT_TRUE(std::isnan(pearson({1}, {1})));
  EXPECT_TRUE(std::isnan(pearson({}, {})));
}

TEST(Spearman, SeesOnlyTheOrder) {
  EXPECT_NEAR(spearman({1, 2, 3}, {1, 100, 1e6}), 1.0, 1e-15);
}

TEST(Spearman, GivesEqualValuesTheirMeanRank) {
  // Ranks (1, 2.5, 2.5, 4) against (1, 2, 3, 4): 4.5 / sqrt(4.5 * 5).
  EXPECT_NEAR(spearman({1, 2, 2, 3}, {1, 2, 3, 4}), 4.5 / std::sqrt(22.5), 1e-15);
}

TEST(Spearman, IsNotANumberForNotANumber) {
  EXPECT_TRUE(std::isnan(spearman({1, NAN, 3}, {1, 2, 3})));
}

Variable entropy() {
  Variable variable;
  variable.name = "entropy";
  variable.units = "nats";
  variable.long_name = "of the prediction";
  return variable;
}

TEST(AddOverCases, ReducesElementByElement) {
  Dataset dataset;
  add_over_cases(dataset, entropy(), {"layer"},
                 {at::tensor({1.0, 10.0}), at::tensor({3.0, 20.0}), at::tensor({5.0, 60.0})});
  EXPECT_EQ(values_of(dataset["entropy_mean"].tensor), (std::vector<double>{3, 30}));
  // Deviations -2, 0, 2: sqrt(8 / 2 / 3). And -20, -10, 30: sqrt(1400 / 2 / 3).
  EXPECT_NEAR(values_of(dataset["entropy_se"].tensor)[0], std::sqrt(8.0 / 6.0), 1e-15);
  EXPECT_NEAR(values_of(dataset["entropy_se"].tensor)[1], std::sqrt(1400.0 / 6.0), 1e-14);
  EXPECT_EQ(dataset["entropy_quantile"].dims, (std::vector<std::string>{"quantile", "layer"}));
  EXPECT_EQ(values_of(dataset["entropy_quantile"].tensor),
            (std::vector<double>{2, 15, 3, 20, 4, 40}));
  EXPECT_EQ(dataset["entropy_mean"].units, "nats");
}

TEST(AddOverCases, RefusesCasesOfDifferentShape) {
  Dataset dataset;
  EXPECT_THROW(
      add_over_cases(dataset, entropy(), {"layer"}, {at::tensor({1.0}), at::tensor({1.0, 2.0})}),
      UsageError);
  EXPECT_THROW(add_over_cases(dataset, entropy(), {"layer"}, {}), UsageError);
}

}  // namespace
}  // namespace lensbench::statistics
