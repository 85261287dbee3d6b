#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include "input_attribution/input_attribution.hpp"
#include "support/bench.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"
#include "support/results.hpp"

// Each receipt fails for the fault that it names.

namespace lensbench::inputs {
namespace {

using testing::AskedForward;
using testing::Faults;

Dataset attributed(const Faults& faults, InputAttributionOptions options) {
  testing::ToolBench<InputAttributionTool> bench(
      testing::faulty(random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), faults),
      {3, 17, 5, 9, 11});
  options.metric.position = 2;
  return bench.tool.attribute(bench.tokens, Target::token(7), options);
}

void expect_fails(const Faults& faults, const InputAttributionOptions& options,
                  const std::string& receipt) {
  EXPECT_TRUE(testing::receipt_of(attributed({}, options), receipt).passed) << receipt;
  testing::expect_fails(attributed(faults, options), receipt);
}

TEST(InputReceipts, FailForAnIntegralOfTooFewSteps) {
  InputAttributionOptions options;
  options.methods = {"integrated_gradients"};
  EXPECT_TRUE(
      testing::receipt_of(attributed({}, options), "integrated_gradients_sum_to_the_difference")
          .passed);
  options.steps = 1;
  testing::expect_fails(attributed({}, options), "integrated_gradients_sum_to_the_difference");
}

TEST(InputReceipts, FailForAGradientThatDependsOnItsBatch) {
  expect_fails(testing::off_where([](const AskedForward& f) { return f.in_a_batch; }), {},
               "gradient_alone_equals_gradient_in_a_batch");
}

// A mask that lets each position see a little of the next one.
TEST(InputReceipts, FailForAMetricThatSeesLaterTokens) {
  Faults faults;
  faults.stream = [](const at::Tensor& right, const AskedForward&) {
    return right + 0.01 * right.roll(-1, 1);
  };
  expect_fails(faults, {}, "later_tokens_have_no_gradient");
}

TEST(InputReceipts, FailForOcclusionsOfAFaultySweep) {
  InputAttributionOptions options;
  options.methods = {"occlusion"};
  expect_fails(testing::off_where([](const AskedForward& f) { return f.replaces; }), options,
               "replacing_an_activation_by_itself_changes_nothing");
  expect_fails(testing::off_where([](const AskedForward& f) { return f.is_partial; }), options,
               "batched_equals_single");
}

}  // namespace
}  // namespace lensbench::inputs
