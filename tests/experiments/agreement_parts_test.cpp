#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "agreement/comparisons.hpp"
#include "agreement/contradictions.hpp"
#include "agreement/methods.hpp"

// Comparisons of methods and the rules of presence, with values by hand.

namespace lensbench {
namespace {

using agreement::Estimate;
using agreement::presence_of;

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

TEST(AgreementRanks, CountLargerSizesAndShareRanks) {
  EXPECT_EQ(agreement::ranks_by_size({1.0, -3.0, 2.0, -1.0}), (std::vector<double>{3, 1, 2, 3}));
  EXPECT_TRUE(std::isnan(agreement::ranks_by_size({kNoNumber, 1.0})[0]));
}

TEST(SignAgreement, CountsOnlyWhatBothMethodsFindLarge) {
  // The first and the third component are above 0.5 in both lists; one of them has the same sign.
  EXPECT_EQ(agreement::sign_agreement({1.0, 0.1, -2.0, 3.0}, {2.0, -9.0, 1.0, 0.5}, 0.5), 0.5);
  EXPECT_TRUE(std::isnan(agreement::sign_agreement({0.1}, {9.0}, 0.5)));
  EXPECT_TRUE(std::isnan(agreement::sign_agreement({1.0}, {1.0}, kNoNumber)));
}

TEST(TopOverlap, IsTheJaccardIndexOfTheFiveLargest) {
  // The five largest are 0 to 4, and 2 to 6: three of seven.
  const std::vector<double> a = {9, -8, 7, 6, -5, 1, 0, 0}, b = {0, 0, 9, 8, 7, -6, 5, 1};
  EXPECT_DOUBLE_EQ(agreement::top_overlap(a, b), 3.0 / 7.0);
  EXPECT_EQ(agreement::top_overlap(a, a), 1.0);
  EXPECT_TRUE(std::isnan(agreement::top_overlap({1, 2, 3, 4, 5}, {1, 2, 3, 4, 5})));
}

TEST(PermutedMethods, DoNotAgreeOnAverage) {
  // The mean of a rank correlation over random orders is 0, and its variance 1 / (n - 1).
  const at::Tensor values =
      at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, at::kDouble)
          .view({2, 6});
  double sum = 0;
  const int orders = 400;
  for (int number = 0; number < orders; ++number) {
    const auto found = agreement::compare(values, 1.0, 7, number);
    EXPECT_NEAR(found.spearman[0][1].item<double>(), 1.0, 1e-12);
    sum += found.permuted_spearman[0][1].item<double>();
  }
  EXPECT_NEAR(sum / orders, 0.0, 4 / std::sqrt(5.0 * orders));
}

TEST(Presence, NeedsATestAndASize) {
  const double gap = -10;  // 5 % of it is 0.5
  EXPECT_EQ(presence_of({0.6, 0.04, 0.55, 0.65}, gap), agreement::kPresent);
  EXPECT_EQ(presence_of({-0.6, 0.04, -0.65, -0.55}, gap), agreement::kPresent);
  EXPECT_EQ(presence_of({0.6, 0.06, 0.55, 0.65}, gap), agreement::kUndecided);
  EXPECT_EQ(presence_of({0.4, 0.001, 0.3, 0.49}, gap), agreement::kAbsent);
  EXPECT_EQ(presence_of({0.4, 0.001, 0.3, 0.51}, gap), agreement::kUndecided);
  EXPECT_EQ(presence_of({0.0, kNoNumber, kNoNumber, kNoNumber}, gap), agreement::kUndecided);
}

/// A component about which nothing is decided but what a test sets.
class OneComponent : public ::testing::Test {
 protected:
  void set(std::int64_t method, std::int8_t presence, double mean) {
    presences_.of_methods[method][0] = presence;
    presences_.means[method][0] = mean;
  }
  /// Numbers of the kinds of contradiction that are found.
  std::vector<std::int64_t> kinds() const {
    const at::Tensor found = agreement::contradictions_of(presences_);
    std::vector<std::int64_t> numbers;
    for (std::int64_t kind = 0; kind < found.size(1); ++kind)
      if (found[0][kind].item<std::int64_t>() == 1) numbers.push_back(kind);
    return numbers;
  }
  agreement::Presences presences_{at::zeros({6, 1}, at::kChar), at::zeros({1}, at::kChar),
                                  at::zeros({6, 1}, at::kDouble)};
  using Kinds = std::vector<std::int64_t>;
  static constexpr std::int8_t kThere = 1, kAway = -1;
};

TEST_F(OneComponent, IsNotAContradictionWhileUndecided) {
  set(agreement::kPatching, kThere, 1.0);
  EXPECT_EQ(kinds(), Kinds{});
}

TEST_F(OneComponent, HasOppositeSignsOnlyWhereBothArePresent) {
  set(agreement::kPatching, kThere, 1.0);
  set(agreement::kGradient, 0, -1.0);
  EXPECT_EQ(kinds(), Kinds{});
  set(agreement::kGradient, kThere, -1.0);
  EXPECT_EQ(kinds(), Kinds{0});
}

TEST_F(OneComponent, IsDispensableIndirectSaturatedOrPairBound) {
  set(agreement::kDirect, kThere, 1.0);
  set(agreement::kAblation, kAway, 0.0);
  EXPECT_EQ(kinds(), Kinds{1});
  set(agreement::kDirect, kAway, 0.0);
  set(agreement::kPatching, kThere, 1.0);
  EXPECT_EQ(kinds(), Kinds{2});
  set(agreement::kGradient, kAway, 0.0);
  EXPECT_EQ(kinds(), (Kinds{2, 3}));
  set(agreement::kPatching, kAway, 0.0);
  set(agreement::kAblation, kThere, 1.0);
  EXPECT_EQ(kinds(), Kinds{5});
}

TEST_F(OneComponent, IsNotSeenByTheLensWhereItActsAtTheMetricsPosition) {
  set(agreement::kLens, kAway, 0.0);
  set(agreement::kPatching, kThere, 1.0);
  EXPECT_EQ(kinds(), Kinds{}) << "it may act through other positions";
  presences_.at_position[0] = kThere;
  EXPECT_EQ(kinds(), Kinds{4});
}

TEST_F(OneComponent, IsDescribedByTheMethodsThatAreDecided) {
  set(agreement::kDirect, kAway, 0.01);
  set(agreement::kPatching, kThere, 1.5);
  const auto texts =
      agreement::contradiction_texts(agreement::contradictions_of(presences_), presences_);
  EXPECT_EQ(texts.front(), "indirect: direct 0.01 (absent), patching 1.5");
}

}  // namespace
}  // namespace lensbench
