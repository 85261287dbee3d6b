#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include "attention/flow.hpp"
#include "attention/result.hpp"
#include "attention_fixture.hpp"
#include "support/faulty_model.hpp"

// Each receipt fails for the fault that it names. Rows that do not sum to 1: attention_test.cpp.

namespace lensbench::attention {
namespace {

using testing::expect_fails;

/// The tool on a model whose activations of a name are read otherwise.
Dataset misread(const std::string& name,
                const std::function<at::Tensor(const at::Tensor&)>& otherwise) {
  testing::Faults faults;
  faults.read = [=](const at::Tensor& right, const HookPoint& point) {
    return point.name.ends_with(name) ? otherwise(right) : at::Tensor();
  };
  AttentionBench bench(testing::faulty(sample("gpt2"), faults), {5, 3, 7, 3, 1});
  return bench.tool.analyze(bench.tokens, {.flow = {"rollout", "max_flow"}});
}

TEST(AttentionReceiptsOfFaults, FailForWeightOnALaterKey) {
  const Dataset result = misread("hook_pattern", [](const at::Tensor& right) {
    at::Tensor changed = right.clone();
    changed[0][1][2][4] += 1e-6;
    return changed;
  });
  expect_fails(result, "hidden_keys_have_no_weight");
  EXPECT_TRUE(testing::receipt_of(result, "attention_rows_sum_to_one").passed);
}

TEST(AttentionReceiptsOfFaults, FailForValuesOfAnotherHead) {
  const Dataset result =
      misread("hook_v", [](const at::Tensor& right) { return right.roll(1, 2); });
  expect_fails(result, "pattern_times_values_equals_result");
  EXPECT_TRUE(testing::receipt_of(result, "rollout_rows_sum_to_one").passed);
}

TEST(AttentionReceiptsOfFaults, FailForARolloutOfPatternsThatAreNotProbabilities) {
  expect_fails(misread("hook_pattern", [](const at::Tensor& right) { return right / 2; }),
               "rollout_rows_sum_to_one");
}

// The flow to one position, the paths to another.
TEST(AttentionReceiptsOfFaults, FailForAFlowThatMissesThePosition) {
  const std::vector<at::Tensor> mixed = {
      at::tensor({1.0, 0.0, 0.25, 0.75}, at::kDouble).view({2, 2})};
  ObservationPlan plan;
  plan.max_flow = true;
  Observation seen{Measures(1, 1, 2, plan.measures)};
  seen.flow_error = flow_error(widest_paths(mixed, 1), max_flows(mixed, 1, [](std::int64_t) {}));
  Dataset right, wrong;
  add_receipts(right, plan, seen);
  EXPECT_TRUE(testing::receipt_of(right, "flow_reaches_the_widest_path").passed);
  seen.flow_error = flow_error(widest_paths(mixed, 1), max_flows(mixed, 0, [](std::int64_t) {}));
  add_receipts(wrong, plan, seen);
  expect_fails(wrong, "flow_reaches_the_widest_path");
}

}  // namespace
}  // namespace lensbench::attention
