#include "tuned_lens/training.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/sin.h>

#include <lensbench/gradients.hpp>

#include "lens_fixture.hpp"
#include "support/contexts.hpp"
#include "tuned_lens/divergence.hpp"

// The loop over steps, and the gradient that it follows.

namespace lensbench::tuned {
namespace {

class Training : public ::testing::Test {
 protected:
  Dataset train(const TunedLensTraining& training, RunServices* run = nullptr) {
    LensBench bench(sample("gpt2"), {3, 17, 5, 9});
    if (run != nullptr) ContextAccess::connect(bench.context, run);
    Dataset found = bench.tool.train(bench.tokens, training, {});
    ContextAccess::connect(bench.context, nullptr);
    return found;
  }

  testing::TempDir folder_;
  TunedLensTraining training_ = small_training(folder_.write("text.jsonl", documents(10, 12, 61)));
};

TEST_F(Training, OfOneSeedHasOneResult) {
  testing::expect_equal(train(training_), train(training_));
}

TEST_F(Training, AfterAnotherOneOfTheCaseIsThatOfItsOwnSettingsAndText) {
  LensBench bench(sample("gpt2"), {3, 17, 5, 9});
  const auto of_one_case = [&] { return bench.tool.train(bench.tokens, training_, {}); };
  of_one_case();
  training_.learning_rate *= 0.5;
  testing::expect_equal(of_one_case(), train(training_));
  training_.rows_per_window = 5;
  testing::expect_equal(of_one_case(), train(training_));
  folder_.write("text.jsonl", documents(12, 12, 61));
  testing::expect_equal(of_one_case(), train(training_));
}

TEST_F(Training, GoesOnAfterAnInterruptionWithTheSameBits) {
  training_.rows_per_window = 5;
  const Dataset whole = train(training_);
  for (const std::int64_t steps : {1, 3}) {
    StoppedRun stopped(steps);
    EXPECT_THAT(message_of<RunError>([&] { train(training_, &stopped); }), HasSubstr("--resume"));
    ASSERT_EQ(stopped.states.at("translators")["training_kl"].tensor.size(0), steps);
    StoppedRun resumed(100);
    resumed.states = stopped.states;
    testing::expect_equal(train(training_, &resumed), whole);
  }
}

TEST_F(Training, OnSampledTextGoesOnAfterAnInterruptionWithTheSameBits) {
  training_.text = "generated:4";
  training_.window = 8;
  training_.tokens_per_step = 16;
  training_.held_out = 0.25;
  const Dataset whole = train(training_);
  EXPECT_GT(std::get<std::int64_t>(whole.attributes.at("epochs")), 1);
  // The first stop is in the first epoch, the second in a later one.
  for (const std::int64_t steps : {1, 4}) {
    StoppedRun stopped(steps), resumed(100);
    EXPECT_THAT(message_of<RunError>([&] { train(training_, &stopped); }), HasSubstr("--resume"));
    resumed.states = stopped.states;
    testing::expect_equal(train(training_, &resumed), whole);
  }
}

TEST_F(Training, ReadsTheTextAgainWhenItEnds) {
  const Dataset found = train(training_);
  // Eight documents of 12 tokens are left to train on; a step takes two of them.
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("training_windows")), 12);
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("training_rows")), 12 * 12);
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("epochs")), 1);
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("held_out_rows")), 2 * 12);
}

TEST_F(Training, TakesAsManyRowsOfAWindowAsItIsAskedFor) {
  training_.rows_per_window = 5;
  EXPECT_EQ(std::get<std::int64_t>(train(training_).attributes.at("training_rows")), 12 * 5);
}

TEST_F(Training, OfBiasesLeavesTheMatricesZero) {
  training_.bias_only = true;
  const Dataset found = train(training_);
  EXPECT_EQ(found["translator_weight"].tensor.abs().max().item<double>(), 0);
  EXPECT_GT(found["translator_bias"].tensor.abs().max().item<double>(), 0);
}

TEST_F(Training, InHalfPrecisionKeepsTranslatorsInFloat32) {
  ModelOptions options;
  options.dtype = at::kBFloat16;
  LensBench bench(Model::open(testing::data_folder() + "/models/gpt2", options), {3, 17, 5, 9});
  const Dataset found = bench.tool.train(bench.tokens, training_, {});
  testing::expect_receipts_hold(found, 5);
  EXPECT_EQ(found["translator_weight"].tensor.scalar_type(), at::kFloat);
  EXPECT_TRUE(found["translator_weight"].tensor.isfinite().all().item<bool>());
}

// Scale and softcap of the logits are part of the gradient.
TEST(DivergenceGradient, IsThatOfAutograd) {
  for (const std::string name : {"gpt2", "gemma2", "olmo2", "phi"}) {
    const auto model = sample(name);
    const std::int64_t width = model->unembedding().weight.size(1);
    const at::Tensor reference = at::sin(at::arange(5 * width, at::kFloat)).view({5, width});
    const at::Tensor rows = at::cos(at::arange(5 * width, at::kFloat) * 1.7).view({5, width});
    Divergence divergence(*model);
    divergence.set_reference(reference);
    const at::Tensor kl = divergence.of(rows);
    const at::Tensor found = divergence.gradient();

    const at::Tensor leaf = rows.clone().requires_grad_(true);
    const at::Tensor log_p = at::log_softmax(model->unembed(reference).to(at::kDouble), 1);
    const at::Tensor log_q = at::log_softmax(model->unembed(leaf).to(at::kDouble), 1);
    const at::Tensor wanted = (log_p.exp() * (log_p - log_q)).sum(1);
    wanted.sum().backward();
    EXPECT_LT(largest_difference(kl, wanted.detach()), 1e-5) << name;
    EXPECT_LT(largest_difference(found, leaf.grad()), 1e-5) << name;
  }
}

}  // namespace
}  // namespace lensbench::tuned
