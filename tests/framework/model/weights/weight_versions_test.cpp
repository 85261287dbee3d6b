#include "model/weights/weight_versions.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/hooks.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/profile.hpp>
#include <lensbench/weight_changes.hpp>

#include "model/runtime/stop.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

// Writes into what a model lends, which change what it computes for everybody.

namespace lensbench {
namespace {

using lensbench::testing::rows_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kOutside = "embedding, final norm or unembedding";

class WeightVersionsTest : public ::testing::Test {
 protected:
  std::vector<std::string> changed() const { return changed_parts_of(*model_); }
  at::Tensor queries() const { return model_->weight("blocks.1.attn.W_Q"); }

  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 3);
};

TEST_F(WeightVersionsTest, StayAsTheyWereWhenTheModelRuns) {
  ForwardOptions options;
  options.gradients = true;
  model_->forward({rows_of({{3, 1, 4}}), {}}, options);
  queries().clone().zero_();
  EXPECT_THAT(changed(), IsEmpty());
}

TEST_F(WeightVersionsTest, TellOfAWriteIntoTheUnembedding) {
  model_->unembedding().weight.zero_();
  EXPECT_THAT(changed(), ElementsAre(kOutside));
}

TEST_F(WeightVersionsTest, TellOfAWriteIntoAViewOfAView) {
  queries()[0].zero_();
  EXPECT_THAT(changed(), ElementsAre("block 1"));
}

TEST_F(WeightVersionsTest, TellOfAWriteIntoADetachedHandle) {
  queries().detach().mul_(2);
  EXPECT_THAT(changed(), ElementsAre("block 1"));
}

TEST_F(WeightVersionsTest, TellOfAWriteInInferenceMode) {
  const c10::InferenceMode mode;
  queries().zero_();
  EXPECT_THAT(changed(), ElementsAre("block 1"));
}

TEST_F(WeightVersionsTest, TellOfEachPartThatWasChanged) {
  model_->weight("ln_final.w").zero_();
  model_->weight("blocks.0.mlp.W_in").zero_();
  queries().zero_();
  EXPECT_THAT(changed(), ElementsAre(kOutside, "block 0", "block 1"));
}

TEST_F(WeightVersionsTest, AreKnownThroughModelsThatWrapAnother) {
  Intervention zero;
  zero.at.hook = "blocks.0.hook_resid_post";
  const auto wrapped =
      with_interventions(with_stop(model_, [] { return false; }), {std::move(zero)});
  wrapped->weight("blocks.1.attn.W_Q").zero_();
  EXPECT_THAT(changed_parts_of(*wrapped), ElementsAre("block 1"));
}

TEST_F(WeightVersionsTest, AreThoseOfTheOpenedModelInAProfiledOne) {
  queries().zero_();
  EXPECT_THAT(changed_parts_of(*with_profile(model_, std::make_shared<Profile>())),
              ElementsAre("block 1"));
}

// The new model has other weights; those of the old one are untouched.
TEST_F(WeightVersionsTest, DoNotCountChangesThatMakeAnotherModel) {
  const auto other =
      with_weights(model_, {{"blocks.1.attn.W_Q", at::zeros(queries().sizes().vec())}});
  EXPECT_THAT(changed_parts_of(*other), IsEmpty());
  EXPECT_THAT(changed(), IsEmpty());
}

}  // namespace
}  // namespace lensbench
