#include "activation_patching/causal_tracing.hpp"
#include "patching_fixture.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"

// Each receipt of both tools fails for the fault that it names.

namespace lensbench::patching {
namespace {

using testing::AskedForward;
using testing::expect_fails;
using testing::Faults;
using testing::faulty;

std::shared_ptr<const Model> right_model() {
  return random_model(small_gpt2_spec(), 6, at::kFloat, 0.3);
}

Dataset patched(const Faults& faults) {
  PatchingBench bench(faulty(right_model(), faults), {3, 17, 5, 9});
  return bench.tool.patch(bench.tokens, bench.tokens_of({3, 20, 5, 8}), Target::token(7), {});
}

Dataset traced(const Faults& faults) {
  testing::ToolBench<tracing::CausalTracingTool> bench(faulty(right_model(), faults),
                                                       {3, 17, 5, 9});
  return bench.tool.trace(bench.tokens, {1}, Target::token(7), {.samples = 2});
}

Faults off_in(bool AskedForward::*which) {
  return testing::off_where([which](const AskedForward& asked) { return asked.*which; });
}

TEST(PatchingReceipts, FailForTheFaultThatTheyName) {
  const Dataset deaf = patched(testing::deaf());
  expect_fails(deaf, "no_write_was_without_effect");
  expect_fails(deaf, "replacing_every_position_gives_the_source_metric");
  expect_fails(patched(off_in(&AskedForward::replaces)),
               "replacing_an_activation_by_itself_changes_nothing");
  expect_fails(patched(off_in(&AskedForward::is_partial)), "batched_equals_single");
}

TEST(PatchingReceipts, FailForAPatternThatIsNotTheOneOfTheResult) {
  Faults faults;
  faults.read = [](const at::Tensor& right, const HookPoint& point) {
    return point.name.ends_with("hook_pattern") ? right.flip(1) : at::Tensor();
  };
  const Dataset result = patched(faults);
  expect_fails(result, "pattern_and_values_together_are_z");
  EXPECT_TRUE(receipt_of(result, "replacing_every_position_gives_the_source_metric").passed);
}

TEST(TracingReceipts, FailForTheFaultThatTheyName) {
  const Dataset deaf = traced(testing::deaf());
  expect_fails(deaf, "no_write_was_without_effect");
  const Dataset off = traced(off_in(&AskedForward::replaces));
  expect_fails(off, "noise_of_zero_gives_the_clean_run");
  expect_fails(off, "replacing_every_position_gives_the_source_metric");
  expect_fails(traced(off_in(&AskedForward::is_partial)), "batched_equals_single");
}

}  // namespace
}  // namespace lensbench::patching
