// Each check fails where what it checks does not hold.
#include "tuned_lens/receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "lens_fixture.hpp"

namespace lensbench::tuned {
namespace {

class Receipts : public ::testing::Test {
 protected:
  std::shared_ptr<const Model> model_ = sample("gpt2");
  Tokens tokens_ = tokens_from_ids(*model_, {3, 17, 5, 9, 11, 17, 5, 9, 2, 4});
};

TEST_F(Receipts, OfZeroTranslatorsFailForAnyOther) {
  const std::vector<at::Tensor> streams = read_streams(*model_, tokens_);
  Translators translators = Translators::zero(model_->spec());
  EXPECT_TRUE(
      zero_translators_receipt(difference_to_logit_lens(*model_, translators, streams)).passed);
  translators.bias[1][0] = 1e-3;
  EXPECT_FALSE(
      zero_translators_receipt(difference_to_logit_lens(*model_, translators, streams)).passed);
}

TEST_F(Receipts, OfTheFirstStepFailForAnotherLoss) {
  Divergence divergence(*model_);
  const std::vector<TrainingWindow> step = {{tokens_}, {tokens_, {1, 4}}};
  at::Tensor sums = at::zeros({2}, at::kDouble);
  for (const TrainingWindow& window : step)
    sums += divergences(*model_, divergence, Translators::zero(model_->spec()),
                        read_streams(*model_, window.tokens, window.rows));
  const at::Tensor kl = sums / 12.0;
  EXPECT_TRUE(first_step_receipt(first_step_difference(*model_, step, kl), false).passed);
  EXPECT_FALSE(first_step_receipt(first_step_difference(*model_, step, kl + 1e-3), false).passed);
}

TEST_F(Receipts, OfTheGradientFailForALongerOne) {
  Divergence divergence(*model_);
  const Translators zero = Translators::zero(model_->spec());
  const auto difference = [&](double factor) {
    return gradient_difference(*model_, divergence, zero, {tokens_}, factor);
  };
  EXPECT_TRUE(gradient_receipt(difference(1), false).passed) << difference(1);
  EXPECT_FALSE(gradient_receipt(difference(1.01), false).passed);
}

TEST(HeldOutReceipt, FailsWhereTheLensIsWorse) {
  Evaluation evaluation;
  evaluation.kl_logit_lens = at::tensor(std::vector<double>{2, 1, 0}, at::kDouble);
  evaluation.kl = evaluation.kl_logit_lens + at::tensor({-1.0, 0.009, 0.0}, at::kDouble);
  EXPECT_TRUE(held_out_receipt(evaluation).passed);
  evaluation.kl[1] += 0.002;
  EXPECT_FALSE(held_out_receipt(evaluation).passed);
  evaluation.kl[1] = std::nan("");
  EXPECT_FALSE(held_out_receipt(evaluation).passed);
}

}  // namespace
}  // namespace lensbench::tuned
