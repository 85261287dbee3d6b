#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <limits>
#include <vector>

#include "support/variables.hpp"

// Expected values are SciPy 1.17's (scipy.stats.ttest_ind with equal_var=False, permutation_test of
// paired samples with n_resamples=inf, bootstrap with method='BCa' and 400,000 resamples),
// statsmodels' (multipletests), and a plain enumeration of splits.

namespace lensbench::statistics {
namespace {

using lensbench::testing::numbers;

const std::vector<double> kA = {2.1, 3.4, 1.9, 5.6, 4.4, 3.8, 2.7, 6.1};
const std::vector<double> kB = {1.0, 2.2, 1.7, 3.1, 2.9, 4.0, 1.5};
const std::vector<double> kFirstSeven(kA.begin(), kA.begin() + 7);
const double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(WelchTTest, EqualsSciPy) {
  const TestResult result = welch_t_test(kA, kB);
  EXPECT_NEAR(result.statistic, 2.084879831701979, 1e-12);
  EXPECT_NEAR(result.p, 0.05853219796877588, 1e-12);
  EXPECT_NEAR(result.degrees_of_freedom, 12.312896063918291, 1e-10);
  EXPECT_NEAR(result.effect_size, 0.9888792434603112, 1e-12);
}

TEST(WelchTTest, HasNoAnswerForConstantsOrOneValue) {
  EXPECT_TRUE(std::isnan(welch_t_test({1, 1, 1}, {2, 2, 2}).p));
  EXPECT_TRUE(std::isnan(welch_t_test({1}, {2, 3}).p));
}

TEST(PermutationTest, EnumeratesEverySplitOfSmallSamples) {
  const TestResult result = permutation_test(kA, kB);
  EXPECT_NEAR(result.difference, 1.4071428571428575, 1e-12);
  EXPECT_DOUBLE_EQ(result.p, 418.0 / 6435);  // splits with a difference as large, either way
}

TEST(PermutationTest, DrawsSplitsOfLargerSamples) {
  // 1000 draws: the standard error of p is sqrt(0.065 * 0.935 / 1000) = 0.008.
  const TestResult result = permutation_test(kA, kB, {1000, 3, 0.95});
  EXPECT_NEAR(result.p, 418.0 / 6435, 4 * 0.008);
  EXPECT_EQ(result.p, permutation_test(kA, kB, {1000, 3, 0.95}).p);
  EXPECT_NE(result.p, permutation_test(kA, kB, {1000, 4, 0.95}).p);
}

TEST(PermutationTest, FindsEqualSamplesEqual) {
  EXPECT_DOUBLE_EQ(permutation_test({1, 2, 3}, {1, 2, 3}).p, 1.0);
}

TEST(PairedPermutationTest, EnumeratesEverySignOfFewPairs) {
  const TestResult result = paired_permutation_test(kFirstSeven, kB);
  EXPECT_NEAR(result.difference, 1.0714285714285716, 1e-12);
  EXPECT_DOUBLE_EQ(result.p, 0.046875);  // 6 of 128
  EXPECT_NEAR(result.effect_size, 1.2191227783844258, 1e-12);
}

TEST(PairedPermutationTest, DrawsSignsOfManyPairs) {
  // 100 of 128 sign patterns at random: the standard error of p is sqrt(0.047 * 0.953 / 100).
  EXPECT_NEAR(paired_permutation_test(kFirstSeven, kB, {100, 1, 0.95}).p, 0.046875, 4 * 0.0212);
}

TEST(PairedPermutationTest, LeavesOutPairsWithAMissingValue) {
  std::vector<double> a = kFirstSeven, b = kB;
  a.insert(a.begin(), kNaN);
  b.insert(b.begin(), 1.0);
  EXPECT_DOUBLE_EQ(paired_permutation_test(a, b).p, 0.046875);
}

TEST(PairedPermutationTest, RefusesSamplesThatAreNoPairs) {
  EXPECT_THROW(paired_permutation_test(kA, kB), UsageError);
}

TEST(BootstrapMean, EqualsSciPysAcceleratedInterval) {
  // With 10,000 resamples SciPy's own bounds vary by 0.015 and 0.020 (standard deviation, 60
  // seeds).
  const Interval interval = bootstrap_mean(kA);
  EXPECT_DOUBLE_EQ(interval.estimate, 3.75);
  EXPECT_NEAR(interval.low, 2.825, 3 * 0.015);
  EXPECT_NEAR(interval.high, 4.8375, 3 * 0.020);
}

TEST(BootstrapMean, LeansTowardsTheLongTailOfASkewedSample) {
  // Bounds in a sparse tail vary by a few per cent between sets of 10,000 resamples.
  const Interval interval = bootstrap_mean({0.1, 0.2, 0.15, 0.3, 5.0, 0.22, 0.4, 0.18, 0.9, 2.5});
  EXPECT_NEAR(interval.low, 0.348, 0.02);
  EXPECT_NEAR(interval.high, 2.59, 0.15);
}

TEST(BootstrapMean, DependsOnTheSeedAlone) {
  EXPECT_EQ(bootstrap_mean(kA, {1000, 7, 0.9}).low, bootstrap_mean(kA, {1000, 7, 0.9}).low);
}

TEST(BootstrapMean, HasNoWidthForAConstantAndNoBoundsForOneValue) {
  EXPECT_DOUBLE_EQ(bootstrap_mean({2, 2, 2}).low, 2);
  EXPECT_DOUBLE_EQ(bootstrap_mean({2, 2, 2}).high, 2);
  EXPECT_TRUE(std::isnan(bootstrap_mean({2}).low));
  EXPECT_TRUE(std::isnan(bootstrap_mean({}).estimate));
}

TEST(BootstrapMean, RefusesTooFewSamplesAndWrongConfidence) {
  EXPECT_THROW(bootstrap_mean(kA, {10, 0, 0.95}), UsageError);
  EXPECT_THROW(bootstrap_mean(kA, {1000, 0, 1.0}), UsageError);
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12) << i;
}

TEST(Adjust, ByHolmEqualsStatsmodels) {
  expect_near(adjust({0.01, 0.04, 0.03, 0.005, 0.55, 0.04}, Correction::holm),
              {0.05, 0.12, 0.12, 0.03, 0.55, 0.12});
}

TEST(Adjust, ByBenjaminiHochbergEqualsStatsmodels) {
  expect_near(adjust({0.01, 0.04, 0.03, 0.005, 0.55, 0.04}, Correction::benjamini_hochberg),
              {0.03, 0.048, 0.048, 0.03, 0.55, 0.048});
}

TEST(Adjust, DoesNotCountMissingValues) {
  const auto adjusted = adjust({0.01, kNaN, 0.04}, Correction::holm);
  EXPECT_NEAR(adjusted[0], 0.02, 1e-12);
  EXPECT_TRUE(std::isnan(adjusted[1]));
}

TEST(AddIntervals, BracketsTheMeanOfEachElement) {
  Dataset dataset;
  const Variable like = numbers("loss", {"layer"}, at::zeros({2}), "nats");
  std::vector<at::Tensor> cases;
  for (const double value : kA) cases.push_back(at::tensor({value, 1.0}, at::kDouble));
  add_intervals(dataset, like, {"layer"}, cases);
  const Variable& interval = dataset["loss_interval"];
  EXPECT_EQ(interval.dims, (std::vector<std::string>{"bound", "layer"}));
  EXPECT_EQ(interval.units, "nats");
  EXPECT_NEAR(interval.tensor[0][0].item<double>(), 2.825, 3 * 0.015);
  EXPECT_DOUBLE_EQ(interval.tensor[1][1].item<double>(), 1.0);
  EXPECT_EQ(interval.attributes.at("samples"), Attribute(std::int64_t{10000}));
}

TEST(AddTestsAgainstZero, CorrectsForTheNumberOfElements) {
  Dataset dataset;
  const Variable like = numbers("effect", {"layer"}, at::zeros({2}), "1");
  std::vector<at::Tensor> cases;
  for (const double value : kFirstSeven)
    cases.push_back(at::tensor({value, value > 3 ? 1.0 : -1.0}, at::kDouble));
  add_tests_against_zero(dataset, like, {"layer"}, cases);
  // All seven values are positive: 2 of 128 sign patterns are as extreme.
  EXPECT_DOUBLE_EQ(dataset["effect_p"].tensor[0].item<double>(), 2.0 / 128);
  EXPECT_DOUBLE_EQ(dataset["effect_p_adjusted"].tensor[0].item<double>(), 4.0 / 128);
}

// kA against kB as the first element of a grid, and against kB + 1 as the second.
struct TwoGroups {
  Variable like = numbers("loss", {"layer"}, at::zeros({2}), "nats");
  std::vector<at::Tensor> a, b;
  explicit TwoGroups(const std::vector<double>& first, const std::vector<double>& second) {
    for (const double value : first) a.push_back(at::tensor({value, value}, at::kDouble));
    for (const double value : second) b.push_back(at::tensor({value, value + 1}, at::kDouble));
  }
};

TEST(AddComparison, ByWelchHoldsTAndDegreesOfFreedom) {
  const TwoGroups groups(kA, kB);
  Dataset dataset;
  add_comparison(dataset, groups.like, {"layer"}, groups.a, groups.b, Comparison::welch,
                 Correction::holm);
  EXPECT_NEAR(dataset["loss_t"].tensor[0].item<double>(), 2.084879831701979, 1e-12);
  EXPECT_NEAR(dataset["loss_degrees_of_freedom"].tensor[0].item<double>(), 12.312896063918291,
              1e-10);
  EXPECT_NEAR(dataset["loss_p"].tensor[0].item<double>(), 0.05853219796877588, 1e-12);
  EXPECT_NEAR(dataset["loss_p_adjusted"].tensor[0].item<double>(), 2 * 0.05853219796877588, 1e-12);
  EXPECT_NEAR(dataset["loss_effect_size"].tensor[0].item<double>(), 0.9888792434603112, 1e-12);
  EXPECT_EQ(dataset["loss_p"].attributes.at("method"), Attribute(std::string("Welch's t-test")));
  EXPECT_EQ(dataset["loss_p_adjusted"].attributes.at("correction"), Attribute(std::string("Holm")));
  EXPECT_EQ(dataset["loss_p"].attributes.count("seed"), 0U);
}

TEST(AddComparison, OfPairsKeepsSeedAndNumberOfSamples) {
  const TwoGroups groups(kFirstSeven, kB);
  Dataset dataset;
  add_comparison(dataset, groups.like, {"layer"}, groups.a, groups.b,
                 Comparison::paired_permutation, Correction::none, {5000, 3, 0.95});
  EXPECT_DOUBLE_EQ(dataset["loss_p"].tensor[0].item<double>(), 0.046875);
  EXPECT_NEAR(dataset["loss_difference"].tensor[1].item<double>(), 0.0714285714285716, 1e-12);
  EXPECT_EQ(dataset["loss_difference"].units, "nats");
  EXPECT_EQ(dataset["loss_p"].attributes.at("samples"), Attribute(std::int64_t{5000}));
  EXPECT_EQ(dataset["loss_p"].attributes.at("seed"), Attribute(std::int64_t{3}));
}

TEST(AddComparison, OfTwoGroupsEqualsThePermutationTest) {
  const TwoGroups groups(kA, kB);
  Dataset dataset;
  add_comparison(dataset, groups.like, {"layer"}, groups.a, groups.b, Comparison::permutation);
  EXPECT_DOUBLE_EQ(dataset["loss_p"].tensor[0].item<double>(), 418.0 / 6435);
}

}  // namespace
}  // namespace lensbench::statistics
