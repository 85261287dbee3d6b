#include "token_analyzer/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "tolerances.hpp"

namespace lensbench::token_analysis {
namespace {

using ::testing::ElementsAre;

Divergence between(const std::vector<float>& p, const std::vector<float>& q) {
  return divergence(Softmax(p), Softmax(q));
}

std::vector<float> wave(int seed) {
  std::vector<float> logits;
  for (int i = 0; i < 300; ++i) logits.push_back(3.0F * std::sin(static_cast<float>(seed * i)));
  return logits;
}

const std::vector<float> kHalves = {0.0F, 0.0F};
const std::vector<float> kQuarters = {std::log(3.0F), 0.0F};  // 3/4, 1/4

TEST(Divergence, KullbackLeiblerOfAWorkedExample) {
  const Divergence d = between(kHalves, kQuarters);
  EXPECT_NEAR(d.kl, 0.5 * std::log(4.0 / 3), kFloat32);
  EXPECT_NEAR(d.kl_reverse, 0.75 * std::log(1.5) + 0.25 * std::log(0.5), kFloat32);
}

TEST(Divergence, JensenShannonUsesTheTrueMixture) {
  // p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4): KL(p||m) = ln(4/3)/2, KL(q||m) = ln(4/3).
  const Divergence d = between(kHalves, {0.0F, -kInf});
  EXPECT_NEAR(d.js, 0.75 * std::log(4.0 / 3), kFloat64);
}

TEST(Divergence, IsZeroBetweenEqualDistributions) {
  const Divergence d = between(wave(1), wave(1));
  EXPECT_EQ(d.kl, 0.0);
  EXPECT_EQ(d.kl_reverse, 0.0);
  // The mixture's logarithm is rounded on its own.
  EXPECT_NEAR(d.js, 0.0, 1e-15);
}

TEST(Divergence, DisjointSupportsAreLnTwoApartAndInfinitelyInKl) {
  const Divergence d = between({0.0F, -kInf}, {-kInf, 0.0F});
  EXPECT_NEAR(d.js, std::numbers::ln2, kFloat64);
  EXPECT_EQ(d.kl, std::numeric_limits<double>::infinity());
}

TEST(Divergence, JensenShannonIsSymmetricBoundedAndKlIsNot) {
  for (int seed = 1; seed < 20; ++seed) {
    const Divergence there = between(wave(seed), wave(seed + 1));
    const Divergence back = between(wave(seed + 1), wave(seed));
    EXPECT_NEAR(there.js, back.js, kFloat64);
    EXPECT_GT(there.js, 0.0);
    EXPECT_LE(there.js, std::numbers::ln2);
    EXPECT_GT(there.kl, 0.0);
    EXPECT_NEAR(there.kl, back.kl_reverse, kFloat64);
  }
}

TEST(Divergence, JensenShannonIsEntropyOfTheMixtureMinusMeanEntropy) {
  const auto p = wave(2);
  const auto q = wave(5);
  const Divergence d = between(p, q);
  const double mean_entropy = (Softmax(p).entropy() + Softmax(q).entropy()) / 2;
  EXPECT_NEAR(d.js, d.mixture_entropy - mean_entropy, kFloat64);
}

TEST(CompareStep, RanksTheTextTokenAndEachModelsBestInBothModels) {
  const std::vector<float> own = {3.0F, 2.0F, 1.0F, 0.0F};
  const std::vector<float> other = {0.0F, 2.0F, 1.0F, 3.0F};
  const ComparedStep step = compare_step(own, other, 1, 2);
  EXPECT_EQ(step.rank, 2);
  EXPECT_EQ(step.rank_in_other, 2);
  EXPECT_THAT(step.top_ids, ElementsAre(0, 1));
  EXPECT_THAT(step.top_ranks_in_other, ElementsAre(4, 2));
  EXPECT_THAT(step.other_top_ids, ElementsAre(3, 1));
  EXPECT_THAT(step.other_top_ranks, ElementsAre(4, 2));
}

TEST(CompareStep, GivesBothModelsSurprisalOfTheText) {
  const ComparedStep step = compare_step(kHalves, kQuarters, 0, 1);
  EXPECT_NEAR(step.surprisal, std::numbers::ln2, kFloat64);
  EXPECT_NEAR(step.surprisal_in_other, std::log(4.0 / 3), kFloat32);
}

TEST(UnscoredComparison, MarksEveryMeasurementAsAbsent) {
  const ComparedStep step = unscored_comparison(2);
  EXPECT_TRUE(std::isnan(step.divergence.js));
  EXPECT_EQ(step.rank_in_other, -1);
  EXPECT_THAT(step.other_top_ids, ElementsAre(-1, -1));
}

}  // namespace
}  // namespace lensbench::token_analysis
