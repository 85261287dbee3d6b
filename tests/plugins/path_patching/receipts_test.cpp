#include <ATen/TensorOperators.h>

#include "path_fixture.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"

// Each receipt fails for the fault that it names.

namespace lensbench::paths {
namespace {

using testing::AskedForward;
using testing::expect_fails;
using testing::Faults;

Dataset patched(const Faults& faults) {
  PathBench bench(testing::faulty(random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), faults),
                  kClean);
  PathPatchingOptions options;
  options.receivers = {"logits", "L2.q", "1_mlp_in"};
  return bench.tool.patch_paths(bench.tokens, bench.tokens_of(kCorrupted), Target::token(7),
                                options);
}

TEST(PathReceipts, FailForReplacementsThatActOnNothing) {
  const Dataset result = patched(testing::deaf());
  expect_fails(result, "all_paths_give_the_source_metric");
  expect_fails(result, "no_write_was_without_effect");
}

TEST(PathReceipts, FailForReplacementsThatChangeMoreThanTheirActivation) {
  expect_fails(patched(testing::off_where([](const AskedForward& f) { return f.replaces; })),
               "replacing_an_activation_by_itself_changes_nothing");
}

TEST(PathReceipts, FailForForwardsOfOtherNumbersAfterARestart) {
  expect_fails(patched(testing::off_where([](const AskedForward& f) { return f.is_partial; })),
               "batched_equals_single");
}

TEST(PathReceipts, FailForEffectsAtAnotherScaleOfTheFinalNorm) {
  Faults faults;
  faults.read = [](const at::Tensor& right, const HookPoint& point) {
    return point.name == "ln_final.hook_scale" ? right * 1.01 : at::Tensor();
  };
  const Dataset result = patched(faults);
  expect_fails(result, "frozen_norm_effect_is_a_difference_of_attributions");
  EXPECT_TRUE(receipt_of(result, "all_paths_give_the_source_metric").passed);
}

}  // namespace
}  // namespace lensbench::paths
