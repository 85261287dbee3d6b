#include "steering/receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sin.h>

#include "checkpoint/weights/safetensors.hpp"
#include "steering/directions.hpp"
#include "steering_fixture.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"
#include "support/temp_dir.hpp"

// Each receipt fails for the fault that it names.

namespace lensbench::steering {
namespace {

using testing::AskedForward;
using testing::expect_fails;
using testing::Faults;

class SteeringReceipts : public ::testing::Test {
 protected:
  Dataset run(const Faults& faults, Settings settings = {}) const {
    SteeringBench bench(
        testing::faulty(random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), faults),
        {3, 17, 5, 9, 11});
    settings.emplace("direction", direction());
    settings.emplace("neutral", folder_.write("neutral.jsonl", "{\"ids\": [3, 9, 4, 20, 7]}\n"));
    settings.emplace("controls", "1");
    if (!settings.contains("mode")) settings.emplace("alphas", "0,1");
    return bench.tool.run(Request(bench.tokens, bench.tool.parameters(settings)));
  }
  std::string direction() const {
    write_safetensors(folder_ / "direction.safetensors", {{"direction", v_}}, {});
    return folder_ / "direction.safetensors";
  }
  /// Every replacement also adds a little of its own.
  static Faults drifting() {
    Faults faults;
    faults.replacement = [](const HookReplacer& right) -> HookReplacer {
      return [right](const at::Tensor& x, const HookPoint& point) {
        return testing::slightly_off(right(x, point));
      };
    };
    return faults;
  }
  static Faults off_in(bool AskedForward::*which) {
    return testing::off_where([which](const AskedForward& asked) { return asked.*which; });
  }

  testing::TempDir folder_;
  at::Tensor v_ = at::sin(at::arange(1, 25, at::kFloat));
};

TEST_F(SteeringReceipts, FailForAnUnchangedRunThatDiffers) {
  expect_fails(run(off_in(&AskedForward::replaces)), "alpha_zero_equals_the_base");
}

TEST_F(SteeringReceipts, FailForTwoRunsOfOneProjectionThatDiffer) {
  expect_fails(run(testing::never_twice_the_same(), {{"mode", "clamp"}, {"alphas", "0,1"}}),
               "alpha_zero_is_the_projected_run");
}

// Vectors added twice: CAA #2.
TEST_F(SteeringReceipts, FailForADirectionThatIsAddedTwice) {
  const Dataset result = run(testing::acting_twice());
  expect_fails(result, "direction_is_added_once");
  EXPECT_TRUE(receipt_of(result, "alpha_zero_equals_the_base").passed);
  expect_fails(run(testing::deaf()), "direction_is_added_once");
}

TEST_F(SteeringReceipts, FailForAProjectionThatActsOnNothing) {
  expect_fails(run(testing::deaf(), {{"mode", "project"}}), "component_is_the_one_asked_for");
  expect_fails(run(testing::deaf(), {{"mode", "clamp"}, {"alphas", "0,1"}}),
               "component_is_the_one_asked_for");
}

TEST_F(SteeringReceipts, FailForAProjectionThatChangesTheStreamAgain) {
  expect_fails(run(drifting(), {{"mode", "project"}}), "steering_twice_changes_nothing");
}

TEST_F(SteeringReceipts, FailForResultsThatTheInterventionsDoNotGive) {
  expect_fails(run(off_in(&AskedForward::is_partial)), "stored_interventions_replay_the_result");
}

TEST_F(SteeringReceipts, FailForACacheThatGivesOtherSteps) {
  expect_fails(run(off_in(&AskedForward::continues), {{"max_new_tokens", "3"}}),
               "generation_with_and_without_cache_agrees");
}

// What a projection off the direction is for: a random direction has a part along it.
TEST_F(SteeringReceipts, FailForRandomDirectionsThatKeepAPartOfTheDirection) {
  const at::Tensor own = v_.unsqueeze(0), random = random_directions(v_, 2, 3, 1);
  SteeredLayer layer;
  layer.directions = at::cat({own, random});
  EXPECT_TRUE(controls_fit({layer}).passed);
  const at::Tensor leaning = random + 0.01 * own;
  layer.directions = at::cat({own, leaning / leaning.norm(2, {1}, true) * own.norm()});
  EXPECT_FALSE(controls_fit({layer}).passed);
  layer.directions = at::cat({own, 1.01 * random});
  EXPECT_FALSE(controls_fit({layer}).passed);
}

}  // namespace
}  // namespace lensbench::steering
