#include "token_analyzer/step.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <numbers>
#include <vector>

#include "tolerances.hpp"

namespace lensbench::token_analysis {
namespace {

using ::testing::ElementsAre;

// Probabilities 1/8, 1/2, 1/4, 1/8.
std::vector<float> eighths() {
  const auto log_of_2 = static_cast<float>(std::numbers::ln2);
  return {-3 * log_of_2, -log_of_2, -2 * log_of_2, -3 * log_of_2};
}

SamplingOptions sampling(double temperature, std::int64_t top_k, double top_p) {
  return {temperature, top_k, top_p, 0};
}

SamplerEffect sampler(std::int64_t chosen, const SamplingOptions& options) {
  const auto logits = eighths();
  const Ranking ranking(logits);
  return sampler_effect(Softmax(logits), ranking, chosen, options);
}

TEST(AnalyzeStep, DescribesTheChosenToken) {
  const Step step = analyze_step(eighths(), 2, StepOptions{.top_k = 2});
  EXPECT_EQ(step.chosen_id, 2);
  EXPECT_EQ(step.chosen_rank, 2);
  EXPECT_NEAR(step.chosen_probability, 0.25, kFloat32);
  EXPECT_NEAR(step.surprisal, 2 * std::numbers::ln2, kFloat32);
  EXPECT_NEAR(step.entropy, 1.75 * std::numbers::ln2, kFloat32);
  EXPECT_NEAR(step.margin, 0.25, kFloat32);
}

TEST(AnalyzeStep, ListsCandidatesAndWhatTopKKeeps) {
  const Step step = analyze_step(eighths(), 0, StepOptions{.top_k = 3});
  EXPECT_THAT(step.top_ids, ElementsAre(1, 2, 0));
  EXPECT_NEAR(step.top_probabilities[1], 0.25, kFloat32);
  EXPECT_NEAR(step.cumulative[0], 0.5, kFloat32);
  EXPECT_NEAR(step.cumulative[2], 0.875, kFloat32);
}

TEST(AnalyzeStep, GivesSizeAndProbabilityOfEachNucleus) {
  const Step step = analyze_step(eighths(), 0, StepOptions{.top_k = 1, .nucleus = {0.6, 1.0}});
  ASSERT_EQ(step.nuclei.size(), 2U);
  EXPECT_EQ(step.nuclei[0].size, 2);
  EXPECT_NEAR(step.nuclei[0].probability, 0.75, kFloat32);
  EXPECT_EQ(step.nuclei[1].size, 4);
}

TEST(AnalyzeStep, ASureChoiceHasSurprisalZeroAndMarginOne) {
  const std::vector<float> logits = {0.0F, 1000.0F};
  const Step step = analyze_step(logits, 1, StepOptions{.top_k = 1});
  EXPECT_EQ(step.surprisal, 0.0);
  EXPECT_FALSE(std::signbit(step.surprisal));
  EXPECT_EQ(step.margin, 1.0);
}

TEST(AnalyzeStep, TwoEqualBestTokensHaveMarginZeroAndBothRankOne) {
  const std::vector<float> logits = {1.0F, 1.0F, 0.0F};
  const Step step = analyze_step(logits, 1, StepOptions{.top_k = 1});
  EXPECT_EQ(step.margin, 0.0);
  EXPECT_EQ(step.chosen_rank, 1);
}

TEST(TemperatureEffect, OneHalfSquaresTheProbabilities) {
  // Squares, renormalised: 8, 2, 1/2, 1/2 elevenths.
  const auto logits = eighths();
  const Ranking ranking(logits);
  const TemperatureEffect effect = temperature_effect(Softmax(logits), ranking, 2, 0.5);
  EXPECT_NEAR(effect.top_probability, 8.0 / 11, kFloat32);
  EXPECT_NEAR(effect.chosen_probability, 2.0 / 11, kFloat32);
  EXPECT_NEAR(effect.entropy, std::log(11.0) - 25.0 / 11 * std::numbers::ln2, kFloat32);
}

TEST(TemperatureEffect, ZeroIsTheGreedyChoice) {
  const auto logits = eighths();
  const Ranking ranking(logits);
  const TemperatureEffect of_best = temperature_effect(Softmax(logits), ranking, 1, 0.0);
  EXPECT_EQ(of_best.entropy, 0.0);
  EXPECT_EQ(of_best.top_probability, 1.0);
  EXPECT_EQ(of_best.chosen_probability, 1.0);
  EXPECT_EQ(temperature_effect(Softmax(logits), ranking, 2, 0.0).chosen_probability, 0.0);
}

TEST(TemperatureEffect, EntropyGrowsWithTemperature) {
  const auto logits = eighths();
  const Ranking ranking(logits);
  double last = 0;
  for (const double t : {0.1, 0.5, 1.0, 2.0, 10.0}) {
    const double entropy = temperature_effect(Softmax(logits), ranking, 0, t).entropy;
    EXPECT_GT(entropy, last);
    last = entropy;
  }
  EXPECT_LT(last, std::log(4.0));
}

TEST(SamplerEffect, KeepsEverythingWithoutCuts) {
  const SamplerEffect effect = sampler(2, sampling(1.0, 0, 1.0));
  EXPECT_EQ(effect.kept_by_top_k, 1.0);
  EXPECT_EQ(effect.kept_by_top_p, 1.0);
  EXPECT_EQ(effect.candidates, 4);
  EXPECT_NEAR(effect.chosen_probability, 0.25, kFloat32);
}

TEST(SamplerEffect, TakesTheNucleusOfWhatTopKLeft) {
  // Top-3 keeps 7/8; renormalised 4/7, 2/7, 1/7; 0.8 needs two of them, 6/7; then 2/3 and 1/3.
  const SamplingOptions options = sampling(1.0, 3, 0.8);
  const SamplerEffect effect = sampler(1, options);
  EXPECT_NEAR(effect.kept_by_top_k, 7.0 / 8, kFloat32);
  EXPECT_NEAR(effect.kept_by_top_p, 6.0 / 7, kFloat32);
  EXPECT_EQ(effect.candidates, 2);
  EXPECT_NEAR(effect.chosen_probability, 2.0 / 3, kFloat32);
  EXPECT_NEAR(sampler(2, options).chosen_probability, 1.0 / 3, kFloat32);
  EXPECT_EQ(sampler(0, options).chosen_probability, 0.0);
}

TEST(SamplerEffect, AppliesTheTemperatureBeforeTheCuts) {
  // At 1/2 the best two of 8, 2, 1/2, 1/2 elevenths keep 10/11.
  const SamplerEffect effect = sampler(1, sampling(0.5, 2, 1.0));
  EXPECT_NEAR(effect.kept_by_top_k, 10.0 / 11, kFloat32);
  EXPECT_NEAR(effect.chosen_probability, 0.8, kFloat32);
}

TEST(SamplerEffect, GreedyLeavesOneCandidate) {
  EXPECT_EQ(sampler(1, sampling(0.0, 0, 1.0)).candidates, 1);
  EXPECT_EQ(sampler(1, sampling(0.0, 0, 1.0)).chosen_probability, 1.0);
  EXPECT_EQ(sampler(2, sampling(0.0, 0, 1.0)).chosen_probability, 0.0);
}

TEST(UnscoredStep, MarksEveryMeasurementAsAbsent) {
  const StepOptions options{.top_k = 2, .temperatures = {1.0}, .nucleus = {0.9}};
  const Step step = unscored_step(7, options);
  EXPECT_EQ(step.chosen_id, 7);
  EXPECT_EQ(step.chosen_rank, -1);
  EXPECT_TRUE(std::isnan(step.surprisal));
  EXPECT_THAT(step.top_ids, ElementsAre(-1, -1));
  EXPECT_EQ(step.nuclei.at(0).size, -1);
  EXPECT_TRUE(std::isnan(step.temperatures.at(0).entropy));
  EXPECT_EQ(step.sampler.candidates, -1);
}

TEST(CheckOptions, RefusesValuesOutOfRange) {
  EXPECT_NO_THROW(check_options(StepOptions{}, 10));
  EXPECT_THROW(check_options(StepOptions{.top_k = 11}, 10), UsageError);
  EXPECT_THROW(check_options(StepOptions{.top_k = -1}, 10), UsageError);
  EXPECT_THROW(check_options(StepOptions{.temperatures = {-0.5}}, 10), UsageError);
  EXPECT_THROW(check_options(StepOptions{.nucleus = {0.0}}, 10), UsageError);
  EXPECT_THROW(check_options(StepOptions{.nucleus = {1.5}}, 10), UsageError);
  EXPECT_THROW(check_options(StepOptions{.sampling = sampling(1.0, -1, 1.0)}, 10), UsageError);
  EXPECT_THROW(check_options(StepOptions{.sampling = sampling(1.0, 0, 0.0)}, 10), UsageError);
  EXPECT_THROW(check_options(StepOptions{.sampling = sampling(NAN, 0, 1.0)}, 10), UsageError);
}

}  // namespace
}  // namespace lensbench::token_analysis
