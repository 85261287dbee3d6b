#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <vector>

#include "support/prompts.hpp"
#include "support/random_model.hpp"

namespace lensbench {
namespace {

using testing::prompt_of;

std::vector<double> distribution(std::vector<float> logits, double temperature, std::int64_t k,
                                 double p) {
  const at::Tensor probabilities =
      sampling_distribution(at::tensor(logits), {temperature, k, p, 0});
  EXPECT_EQ(probabilities.scalar_type(), at::kDouble);
  const double* begin = probabilities.data_ptr<double>();
  return {begin, begin + probabilities.numel()};
}

const float kLog2 = std::log(2.0f);

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  // The logits are float32 logarithms of whole numbers.
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6);
}

TEST(SamplingDistribution, IsOneTokenWhenGreedyAndTheFirstOfEquals) {
  expect_near(distribution({1, 3, 3, 2}, 0.0, 0, 1.0), {0, 1, 0, 0});
}

TEST(SamplingDistribution, DividesLogitsByTheTemperatureFirst) {
  expect_near(distribution({0, kLog2}, 0.5, 0, 1.0), {0.2, 0.8});
}

TEST(SamplingDistribution, KeepsTheTopKAndRenormalises) {
  expect_near(distribution({2 * kLog2, 0, kLog2, kLog2}, 1.0, 2, 1.0), {2.0 / 3, 0, 1.0 / 3, 0});
}

TEST(SamplingDistribution, KeepsTheSmallestSetThatReachesTopP) {
  // Probabilities 1/2, 1/8, 1/4, 1/8: the two largest reach 0.7, the largest alone 0.5.
  const std::vector<float> logits = {2 * kLog2, 0, kLog2, 0};
  expect_near(distribution(logits, 1.0, 0, 0.7), {2.0 / 3, 0, 1.0 / 3, 0});
  expect_near(distribution(logits, 1.0, 0, 0.49), {1, 0, 0, 0});
}

TEST(SamplingDistribution, AppliesTopPToWhatTopKLeft) {
  // Top-k 2 leaves 2/3 and 1/3 of 4/8, 2/8, 1/8, 1/8; the nucleus 0.6 needs the first alone.
  expect_near(distribution({2 * kLog2, kLog2, 0, 0}, 1.0, 2, 0.6), {1, 0, 0, 0});
}

TEST(SamplingDistribution, RefusesSettingsOutOfRange) {
  const at::Tensor logits = at::zeros({3});
  EXPECT_THROW(sampling_distribution(logits, {-1.0, 0, 1.0, 0}), UsageError);
  EXPECT_THROW(sampling_distribution(logits, {1.0, -1, 1.0, 0}), UsageError);
  EXPECT_THROW(sampling_distribution(logits, {1.0, 0, 0.0, 0}), UsageError);
  EXPECT_THROW(sampling_distribution(at::zeros({2, 3}), {}), UsageError);
}

TEST(ChooseToken, DrawsEachTokenAsOftenAsItsProbabilitySays) {
  Philox random(5);
  const at::Tensor logits = at::tensor({0.0f, kLog2, kLog2 * 2, -100.0f});
  std::vector<int> counts(4);
  for (int i = 0; i < 7000; ++i)
    ++counts[static_cast<std::size_t>(choose_token(logits, {1.0, 0, 1.0, 0}, random))];
  // Expected 1000, 2000, 4000; five standard deviations are at most 207.
  EXPECT_NEAR(counts[0], 1000, 150);
  EXPECT_NEAR(counts[1], 2000, 200);
  EXPECT_NEAR(counts[2], 4000, 207);
  EXPECT_EQ(counts[3], 0);
}

class Generation : public ::testing::Test {
 protected:
  static std::vector<TransformerSpec> specs() {
    TransformerSpec dynamic = small_llama_spec();
    dynamic.rope->scaling = RopeSpec::Scaling::dynamic;
    dynamic.rope->factor = 8.0;
    dynamic.rope->original_max_positions = 8;
    TransformerSpec longrope = dynamic;
    longrope.rope->scaling = RopeSpec::Scaling::longrope;
    longrope.rope->short_factor = {1.0, 1.1, 1.2, 1.3};
    longrope.rope->long_factor = {1.0, 2.0, 4.0, 8.0};
    return {small_gpt2_spec(), small_llama_spec(), dynamic, longrope};
  }
};

TEST_F(Generation, WithTheCacheEqualsGenerationWithout) {
  for (const TransformerSpec& spec : specs()) {
    const auto model = random_model(spec, 11, at::kFloat, 0.3);
    GenerationOptions cached, whole;
    cached.max_new_tokens = whole.max_new_tokens = 20;
    whole.use_cache = false;
    EXPECT_EQ(generate(*model, prompt_of({1, 2, 3}), cached),
              generate(*model, prompt_of({1, 2, 3}), whole))
        << spec.family;
  }
}

TEST_F(Generation, IsTheSameForTheSameSeedOnly) {
  const auto model = random_model(small_gpt2_spec(), 11, at::kFloat, 0.1);
  const auto with_seed = [&](std::uint64_t seed) {
    GenerationOptions options;
    options.sampling = {1.5, 0, 1.0, seed};
    return generate(*model, prompt_of({1, 2, 3}), options);
  };
  EXPECT_EQ(with_seed(1), with_seed(1));
  EXPECT_NE(with_seed(1), with_seed(2));
}

TEST_F(Generation, GivesEachStepTheLogitsItsTokenWasDrawnFrom) {
  const auto model = random_model(small_llama_spec(), 11, at::kFloat, 0.3);
  std::int64_t steps = 0;
  generate(*model, prompt_of({4, 5}), {},
           [&](std::int64_t step, const at::Tensor& logits, std::int64_t chosen) {
             EXPECT_EQ(step, steps++);
             EXPECT_EQ(logits.sizes(), at::IntArrayRef({61}));
             EXPECT_EQ(logits.argmax().item<std::int64_t>(), chosen);
           });
  EXPECT_EQ(steps, 20);
}

TEST_F(Generation, RunsTheHooksAtEveryStep) {
  const auto model = random_model(small_gpt2_spec(), 11);
  int calls = 0;
  GenerationOptions options;
  options.max_new_tokens = 4;
  generate(*model, prompt_of({4, 5}), options, {},
           Hooks().read("blocks.0.hook_resid_post",
                        [&](const at::Tensor&, const HookPoint&) { ++calls; }));
  EXPECT_EQ(calls, 4);
}

TEST_F(Generation, RefusesMoreTokensThanTheModelHasPositions) {
  const auto model = random_model(small_gpt2_spec(), 11);
  GenerationOptions options;
  options.max_new_tokens = 63;
  EXPECT_THROW(generate(*model, prompt_of({1, 2, 3}), options), UsageError);
  EXPECT_THROW(generate(*model, {}, {}), UsageError);
}

}  // namespace
}  // namespace lensbench
