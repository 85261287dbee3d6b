#include "token_analyzer/distribution.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <numbers>
#include <vector>

#include "tolerances.hpp"

namespace lensbench::token_analysis {
namespace {

using std::numbers::ln2;
using ::testing::ElementsAre;

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

TEST(Softmax, EntropyOfUniformIsLnOfItsSize) {
  const std::vector<float> logits(512, -3.25F);
  const Softmax softmax(logits);
  EXPECT_NEAR(softmax.entropy(), std::log(512.0), kFloat64);
  EXPECT_NEAR(softmax.probability(17), 1.0 / 512, kFloat64);
  EXPECT_NEAR(softmax.log_probability(17), -std::log(512.0), kFloat64);
}

TEST(Softmax, EntropyOfPowersOfTwoIsOneAndThreeQuarterBits) {
  const auto logits = logits_of({0.5, 0.25, 0.125, 0.125});
  EXPECT_NEAR(Softmax(logits).entropy(), 1.75 * ln2, kFloat32);
}

TEST(Softmax, IgnoresAShiftOfAllLogits) {
  const std::vector<float> low = {0.0F, 1.0F, 2.0F};
  const std::vector<float> high = {10000.0F, 10001.0F, 10002.0F};
  EXPECT_DOUBLE_EQ(Softmax(low).entropy(), Softmax(high).entropy());
  EXPECT_DOUBLE_EQ(Softmax(low).probability(0), Softmax(high).probability(0));
}

TEST(Softmax, KeepsTheSurprisalOfATokenWhoseProbabilityUnderflows) {
  const std::vector<float> logits = {0.0F, -2000.0F};
  const Softmax softmax(logits);
  EXPECT_EQ(softmax.probability(1), 0.0);
  EXPECT_DOUBLE_EQ(softmax.log_probability(1), -2000.0);
  EXPECT_EQ(softmax.entropy(), 0.0);
}

TEST(Softmax, GivesAMaskedTokenProbabilityZero) {
  const std::vector<float> logits = {0.0F, -kInf, 0.0F};
  const Softmax softmax(logits);
  EXPECT_EQ(softmax.probability(1), 0.0);
  EXPECT_NEAR(softmax.entropy(), ln2, kFloat64);
  EXPECT_NEAR(softmax.total(), 1.0, kFloat64);
}

TEST(Softmax, DividesLogitsByTheTemperatureFirst) {
  // p^2 renormalised: 8, 2, 1/2, 1/2 elevenths; H = ln 11 - sum p ln(8, 2, 1/2, 1/2).
  const auto logits = logits_of({0.5, 0.25, 0.125, 0.125});
  const Softmax cold(logits, 0.5);
  EXPECT_NEAR(cold.probability(0), 8.0 / 11, kFloat32);
  EXPECT_NEAR(cold.probability(3), 0.5 / 11, kFloat32);
  EXPECT_NEAR(cold.entropy(), std::log(11.0) - 25.0 / 11 * ln2, kFloat32);
}

TEST(Softmax, BecomesUniformWhenHotAndOneHotWhenCold) {
  const std::vector<float> logits = {1.0F, 3.0F, 2.0F};
  EXPECT_NEAR(Softmax(logits, 1e9).entropy(), std::log(3.0), 1e-9);
  EXPECT_NEAR(Softmax(logits, 1e-3).entropy(), 0.0, kFloat64);
  EXPECT_NEAR(Softmax(logits, 1e-300).probability(1), 1.0, kFloat64);
}

TEST(Softmax, RefusesLogitsThatAreNoDistribution) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(Softmax(std::vector<float>{0.0F, nan}), RunError);
  EXPECT_THROW(Softmax(std::vector<float>{0.0F, kInf}), RunError);
  EXPECT_THROW(Softmax(std::vector<float>{-kInf, -kInf}), RunError);
  EXPECT_THROW(Softmax(std::vector<float>{}), RunError);
}

TEST(Ranking, OrdersByLogitAndTiesBySmallerId) {
  const std::vector<float> logits = {1.0F, 5.0F, 3.0F, 5.0F, 1.0F};
  Ranking ranking(logits);
  EXPECT_THAT(ranking.best(2), ElementsAre(1, 3));
  EXPECT_THAT(ranking.best(5), ElementsAre(1, 3, 2, 0, 4));
}

TEST(Ranking, GivesTheSameOrderAskedOneByOneOrAtOnce) {
  std::vector<float> logits;
  for (int i = 0; i < 101; ++i) logits.push_back(static_cast<float>((i * 37) % 101 / 3));
  Ranking at_once(logits);
  const auto expected = at_once.best(101);
  Ranking stepwise(logits);
  for (std::int64_t count = 1; count <= 101; ++count) {
    const auto best = stepwise.best(count);
    EXPECT_EQ(best.back(), expected[static_cast<std::size_t>(count - 1)]);
  }
}

TEST(Ranking, StopsAtTheVocabulary) {
  const std::vector<float> logits = {1.0F, 2.0F};
  EXPECT_EQ(Ranking(logits).best(10).size(), 2U);
}

TEST(RankOf, CountsStrictlyLargerLogitsFromOne) {
  const std::vector<float> logits = {2.0F, 5.0F, 2.0F, 5.0F, 1.0F};
  EXPECT_EQ(rank_of(logits, 3), 1);
  EXPECT_EQ(rank_of(logits, 0), 3);
  EXPECT_EQ(rank_of(logits, 2), 3);
  EXPECT_EQ(rank_of(logits, 4), 5);
}

TEST(Nucleus, IsTheSmallestSetThatReachesP) {
  const auto logits = logits_of({0.125, 0.5, 0.25, 0.125});
  const Softmax softmax(logits);
  Ranking ranking(logits);
  EXPECT_EQ(nucleus(softmax, ranking, 0.4).size, 1);
  EXPECT_EQ(nucleus(softmax, ranking, 0.6).size, 2);
  EXPECT_NEAR(nucleus(softmax, ranking, 0.6).probability, 0.75, kFloat32);
}

TEST(Nucleus, TakesOnlyAsManyTiedTokensAsItNeeds) {
  const auto logits = logits_of({0.125, 0.5, 0.25, 0.125});
  const Softmax softmax(logits);
  Ranking ranking(logits);
  EXPECT_EQ(nucleus(softmax, ranking, 0.8).size, 3);
  EXPECT_EQ(ranking.best(3).back(), 0);
}

TEST(Nucleus, CountsATotalThatEqualsPAsReached) {
  const std::vector<float> logits(4, 0.0F);
  const Softmax softmax(logits);
  Ranking ranking(logits);
  EXPECT_EQ(nucleus(softmax, ranking, 0.5).size, 2);
}

TEST(Nucleus, IsEverythingForPOne) {
  const std::vector<float> logits = {100.0F, 0.0F, -kInf};
  const Softmax softmax(logits);
  Ranking ranking(logits);
  EXPECT_EQ(nucleus(softmax, ranking, 1.0).size, 3);
  EXPECT_EQ(nucleus(softmax, ranking, 1.0).probability, 1.0);
}

}  // namespace
}  // namespace lensbench::token_analysis
