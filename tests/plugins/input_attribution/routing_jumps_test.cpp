#include "common/routing_jumps.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "input_attribution/input_attribution.hpp"
#include "support/bench.hpp"
#include "support/random_model.hpp"
#include "support/results.hpp"
#include "support/sample_models.hpp"

namespace lensbench::inputs {
namespace {

using Function = std::function<double(double)>;

/// Jumps of a function between quarters of the path, with the weights of the trapezoid rule.
/// \param expert  expert that is chosen at a place
RoutingJumps quarters(const Function& value, const Function& slope,
                      const std::function<std::int64_t(double)>& expert) {
  RoutingPath path;
  for (const double place : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    const double weight = place == 0.0 || place == 1.0 ? 0.125 : 0.25;
    path.add({place, weight, value(place), slope(place), at::tensor({expert(place)}, at::kLong)});
  }
  return path.jumps().value();
}

TEST(RoutingJumps, OfALineThatJumpsAreTheHeightOfTheJump) {
  // 3a, and 2 more after a = 0.45.
  const auto later = [](double a) { return a > 0.45; };
  const RoutingJumps found =
      quarters([&](double a) { return 3.0 * a + (later(a) ? 2.0 : 0.0); },
               [](double) { return 3.0; }, [&](double a) { return later(a) ? 1 : 0; });
  EXPECT_DOUBLE_EQ(found.sum, 2.0);
  EXPECT_EQ(found.intervals, 1);
}

TEST(RoutingJumps, OfOppositeSignsAreSummed) {
  // Up by 2 at 0.1, down by 5 at 0.9.
  const auto expert = [](double a) -> std::int64_t { return a < 0.1 ? 0 : a < 0.9 ? 1 : 2; };
  const double heights[] = {0.0, 2.0, -3.0};
  const RoutingJumps found =
      quarters([&](double a) { return heights[expert(a)]; }, [](double) { return 0.0; }, expert);
  EXPECT_DOUBLE_EQ(found.sum, -3.0);
  EXPECT_EQ(found.intervals, 2);
}

// The square 2 a^2 has the slopes 1 and 2 at a quarter and a half. The left rule counts the first
// one for all of the quarter between them, 0.25 of the change of 0.375.
TEST(RoutingJumps, AreTakenFromWhatTheRuleCounts) {
  const auto at_quarter = [](double place, double weight) {
    return PathPoint{place, weight, 2.0 * place * place, 4.0 * place,
                     at::tensor({place < 0.4 ? 0 : 1}, at::kLong)};
  };
  RoutingPath path;
  for (const double place : {0.0, 0.25, 0.5, 0.75}) path.add(at_quarter(place, 0.25));
  path.add(at_quarter(1.0, 0.0));
  EXPECT_DOUBLE_EQ(path.jumps().value().sum, 0.375 - 0.25);
}

// The slope of exp changes by a quarter of itself between points, which the integral has to follow:
// a curve is not a jump.
TEST(RoutingJumps, OfACurveWithTheSameExpertsAreNone) {
  const auto curve = [](double a) { return std::exp(a); };
  const RoutingJumps found = quarters(curve, curve, [](double) { return 4; });
  EXPECT_EQ(found.sum, 0.0);
  EXPECT_EQ(found.intervals, 0);
}

TEST(RoutingJumps, ExplainAGapOnAPartOfThePathAlone) {
  EXPECT_EQ(unexplained(-2.0, std::nullopt), 2.0);
  EXPECT_DOUBLE_EQ(unexplained(-2.0, RoutingJumps{.sum = 1.5, .intervals = 1, .share = 0.5}), 0.5);
  // A sum that is complete without them stays so.
  EXPECT_EQ(unexplained(0.0, RoutingJumps{.sum = 1.5, .intervals = 1, .share = 0.5}), 0.0);
  EXPECT_EQ(unexplained(-2.0, RoutingJumps{.sum = 2.0, .intervals = 3, .share = 0.75}), 2.0);
}

TEST(RoutingJumps, KnowTheirShareOfThePath) {
  const auto flat = [](double) { return 0.0; };
  const RoutingJumps found = (quarters(flat, flat, [](double a) { return a > 0.6 ? 1 : 0; }));
  EXPECT_DOUBLE_EQ(found.share, 0.25);
}

TransformerSpec mixture_spec() {
  TransformerSpec spec = small_llama_spec();
  spec.mlp.n_experts = 4;
  spec.mlp.experts_per_token = 1;
  return spec;
}

InputAttributionOptions with_steps(std::int64_t steps) {
  InputAttributionOptions options;
  options.methods = {"integrated_gradients"};
  options.steps = steps;
  return options;
}

Dataset integrated(const TransformerSpec& spec, const InputAttributionOptions& options) {
  testing::ToolBench<InputAttributionTool> bench(random_model(spec, 3, at::kFloat, 0.3),
                                                 {3, 17, 5, 9, 11});
  return bench.tool.attribute(bench.tokens, Target::token(7), options);
}

TEST(RoutingJumps, OfAMixtureAreWhatTheAttributionsLackOfTheDifference) {
  const Dataset found = integrated(mixture_spec(), with_steps(512));
  const double gap = found["completeness_gap"].tensor.item<double>();
  const double difference =
      found["input_metric"].tensor.item<double>() - found["baseline_metric"].tensor.item<double>();
  const double allowed = InputAttributionOptions().completeness_tolerance * std::abs(difference);
  EXPECT_GT(std::abs(gap), allowed) << "the experts do not change: choose another model";
  EXPECT_GE(found["routing_changes"].tensor.item<double>(), 1.0);
  EXPECT_NEAR(gap + found["routing_jumps"].tensor.item<double>(), 0.0, allowed);
  EXPECT_TRUE(testing::receipt_of(found, "integrated_gradients_sum_to_the_difference").passed);
}

TEST(RoutingJumps, DoNotDependOnTheStepsThatRunTogether) {
  InputAttributionOptions options = with_steps(64);
  const Dataset together = integrated(mixture_spec(), options);
  options.graph_bytes = 1;
  const Dataset alone = integrated(mixture_spec(), options);
  const double jumps = together["routing_jumps"].tensor.item<double>();
  EXPECT_NE(jumps, 0.0);
  // Float32 products of other shapes.
  EXPECT_NEAR(alone["routing_jumps"].tensor.item<double>(), jumps, 1e-5);
  EXPECT_TRUE(alone["routing_changes"].tensor.equal(together["routing_changes"].tensor));
}

// Between the few steps, the jumps are most of the difference, whatever the slopes miss.
TEST(RoutingJumps, OnMostOfThePathDoNotMakeTheReceiptHold) {
  const Dataset found = integrated(mixture_spec(), with_steps(4));
  EXPECT_GE(found["routing_changes"].tensor.item<double>(), 4.0);
  testing::expect_fails(found, "integrated_gradients_sum_to_the_difference");
}

// The path from token 1 to this prompt of the sample, by transformers 5.24 and integrals of its own
// gradients: the log probability of the most likely token rises by 0.8285, of which slopes have
// 0.1654 and jumps 0.6631; experts change 10 times, and their shares 41 times.
TEST(RoutingJumps, OfSparseMixerAreFoundWhereSharesJumpWithTheSameExperts) {
  testing::ToolBench<InputAttributionTool> bench(testing::sample("phimoe"),
                                                 {3, 17, 5, 9, 11, 17, 5, 9});
  InputAttributionOptions options;
  options.methods = {"integrated_gradients"};
  options.rule = "midpoint";
  options.steps = 1024;
  options.baseline = "token";
  options.baseline_token = 1;
  const Dataset found = bench.tool.attribute(bench.tokens, Target::model(), options);
  EXPECT_NEAR(found["routing_jumps"].tensor.item<double>(), 0.6631, 1e-3);
  EXPECT_GT(found["routing_changes"].tensor.item<double>(), 30.0);
  EXPECT_TRUE(testing::receipt_of(found, "integrated_gradients_sum_to_the_difference").passed);
}

TEST(RoutingJumps, AreNotAResultOfADenseModel) {
  const Dataset found = integrated(small_llama_spec(), with_steps(8));
  EXPECT_FALSE(found.contains("routing_jumps"));
  EXPECT_FALSE(found.contains("routing_changes"));
}

}  // namespace
}  // namespace lensbench::inputs
