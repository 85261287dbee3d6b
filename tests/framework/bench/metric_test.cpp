// Metrics of rows against formulas on the logits of a whole forward in float64, and the order of
// the two runs of a pair.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using ::testing::HasSubstr;

class Metrics : public ::testing::TestWithParam<double> {
 protected:
  Metrics() {
    TransformerSpec spec = small_llama_spec();
    spec.logit_softcap = GetParam();
    spec.logit_scale = 1.5;
    model_ = random_model(spec, 6, at::kDouble, 0.3);
    tokens_ = tokens_from_ids(*model_, {3, 17, 5, 11});
    output_ = model_->forward(make_batch(tokens_));
  }
  MetricReader reader(const MetricOptions& options) const {
    return MetricReader("test", *model_, tokens_, output_.residual[0], Target::token(6), options);
  }
  std::shared_ptr<const Model> model_;
  Tokens tokens_;
  ForwardOutput output_;
};

TEST_P(Metrics, AreTheFormulasOfTheLogits) {
  MetricOptions options;
  options.versus = Target::token(9);
  MetricReader read = reader(options);
  EXPECT_EQ(read.metric(), Metric::logit_difference);
  read.read_several({Metric::logit_difference, Metric::logit, Metric::log_probability,
                     Metric::probability, Metric::kl});
  read.set_base(output_.residual[0][1]);
  const at::Tensor found = read(output_.residual[0]);
  ASSERT_EQ(found.sizes(), (std::vector<std::int64_t>{4, 5}));
  const at::Tensor logits = output_.logits[0].to(at::kDouble);
  const double cap = GetParam();  // metrics of logits are read before it
  const at::Tensor raw = cap > 0 ? logits.div(cap).atanh().mul(cap) : logits;
  const at::Tensor p = at::softmax(logits, -1);
  const auto expect = [&](std::int64_t metric, const at::Tensor& expected) {
    // Logits are float32.
    EXPECT_LE((found.select(1, metric) - expected).abs().max().item<double>(), 2e-6) << metric;
  };
  expect(0, raw.select(1, 6) - raw.select(1, 9));
  expect(1, raw.select(1, 6));
  expect(2, p.select(1, 6).log());
  expect(3, p.select(1, 6));
  expect(4, (p[1] * (p[1].log() - p.log())).sum(-1));
  EXPECT_NEAR(found[1][4].item<double>(), 0.0, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Softcap, Metrics, ::testing::Values(0.0, 5.0));

class Question : public ::testing::Test {
 protected:
  Question() : residual_(model_->forward(make_batch(tokens_)).residual[0]) {}
  MetricReader reader(const Target& target, const MetricOptions& options) const {
    return MetricReader("test", *model_, tokens_, residual_, target, options);
  }
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 6, at::kFloat, 0.3);
  Tokens tokens_ = tokens_from_ids(*model_, {3, 17, 5, 11});
  at::Tensor residual_;
};

TEST_F(Question, FixesItsTokensByTheCleanRun) {
  const auto best = model_->forward(make_batch(tokens_)).logits[0].argmax(-1);
  EXPECT_EQ(reader(Target::model(), {}).target(), best[3].item<std::int64_t>());
  EXPECT_EQ(reader(Target::next(), {.position = 1}).target(), 5);
  EXPECT_EQ(reader(Target::next(), {}).target(), best[3].item<std::int64_t>());
  EXPECT_EQ(reader(Target::model(), {.position = -4}).position(), 0);
  EXPECT_EQ(reader(Target::model(), {}).metric(), Metric::log_probability);
}

TEST_F(Question, RefusesWhatHasNoAnswer) {
  const auto fault = [&](const Target& target, const MetricOptions& options) {
    return message_of<UsageError>([&] { reader(target, options); });
  };
  EXPECT_THAT(fault(Target::token(61), {}), HasSubstr("id from 0 to 60"));
  EXPECT_THAT(fault(Target::token(6), {.versus = Target::token(6)}),
              HasSubstr("give two different tokens"));
  EXPECT_THAT(fault(Target::token(6), {.metric = Metric::logit_difference}),
              HasSubstr("set versus"));
  EXPECT_THAT(fault(Target::token(6), {.position = 4}), HasSubstr("-1 to -4"));
  EXPECT_THAT(message_of<UsageError>([] { parse_metric("logits"); }),
              HasSubstr("logit_difference, logit, log_probability, probability, kl"));
  const MetricReader kl = reader(Target::token(6), {.metric = Metric::kl});
  EXPECT_THAT(message_of<UsageError>([&] { kl(residual_); }), HasSubstr("base run"));
}

// Which run is changed, and from which values come, is the error that tools must not make anew.
TEST_F(Question, DirectionDecidesBaseAndSource) {
  const Tokens other = tokens_from_ids(*model_, {3, 9, 5, 11});
  const PairedRuns denoise("test", tokens_, other, Direction::denoise);
  const PairedRuns noise("test", tokens_, other, Direction::noise);
  EXPECT_EQ(denoise.base().ids, other.ids);
  EXPECT_EQ(denoise.source().ids, tokens_.ids);
  EXPECT_EQ(noise.base().ids, tokens_.ids);
  EXPECT_EQ(noise.source().ids, other.ids);
  EXPECT_TRUE(denoise.differs().equal(at::tensor({0, 1, 0, 0}, at::kChar)));
  Dataset dataset;
  denoise.describe(dataset);
  EXPECT_EQ(std::get<std::string>(dataset.attributes.at("base_run")), "corrupted");
  EXPECT_EQ(dataset["input_token"].strings[1], "<9>");
  EXPECT_EQ(dataset["source_token"].strings[1], "<17>");
}

TEST(Gap, DividesOnlyByWhatIsLargeEnough) {
  const at::Tensor metrics = at::tensor({-1.0, 0.0, 3.0}, at::kDouble);
  const Gap gap{-1.0, 3.0, 0.1};
  EXPECT_TRUE(gap.effect(metrics).equal(at::tensor({0.0, 1.0, 4.0}, at::kDouble)));
  EXPECT_TRUE(gap.recovery(metrics).equal(at::tensor({0.0, 0.25, 1.0}, at::kDouble)));
  EXPECT_TRUE((Gap{1.0, 1.05, 0.1}).recovery(metrics).isnan().all().item<bool>());
  EXPECT_TRUE((Gap{1.0, 1.0, 0.0}).recovery(metrics).isnan().all().item<bool>());
}

}  // namespace
}  // namespace lensbench
