#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::rows_of;

using lensbench::testing::message_of;
using ::testing::HasSubstr;

/// As tests/parity/gradients_reference.py has it.
at::Tensor reference_metric(const at::Tensor& logits) {
  const at::Tensor last = logits.select(1, logits.size(1) - 1);
  return (last.select(1, 3) - last.select(1, 7) + 0.5 * logits.select(1, 2).logsumexp(-1)).sum();
}

class GradientsOf : public ::testing::TestWithParam<const char*> {};

// The reference is PyTorch's autograd on transformers in float64; the tolerance is the parity
// contract's for logits, relative to the largest derivative of the point.
TEST_P(GradientsOf, EqualThoseOfPyTorch) {
  const std::string data = testing::data_folder();
  const auto model = Model::open(data + "/models/" + GetParam());
  const SafetensorsFile ids(data + "/models/" + GetParam() + "/expected.safetensors");
  const SafetensorsFile expected(data + "/gradients/" + GetParam() + ".safetensors");
  const auto ours =
      gradients(*model, {ids.tensor("ids"), {}}, {"blocks.*", "unembed.hook_in"}, reference_metric);
  for (const auto& [info, entry] : expected.entries()) {
    const at::Tensor reference = expected.tensor(info);
    ASSERT_EQ(ours.count(info), 1u) << info;
    EXPECT_LT(largest(ours.at(info).sub(reference)), 5e-5 * std::max(1.0, largest(reference)))
        << info;
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, GradientsOf, ::testing::Values("gpt2", "llama-gqa"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

class EveryPoint : public ::testing::TestWithParam<const char*> {
 protected:
  TransformerSpec spec_ =
      GetParam() == std::string("llama") ? small_llama_spec() : small_gpt2_spec();
  std::shared_ptr<const Model> model_ = random_model(spec_, 7, at::kFloat, 0.3);
  TokenBatch tokens_{rows_of({{3, 1, 4, 1, 5, 9}}), {}};

  double metric_moved(const std::string& name, const at::Tensor& by) const {
    Hooks hooks;
    hooks.replace(name, [&](const at::Tensor& x, const HookPoint&) { return x + by; });
    return reference_metric(model_->forward(tokens_, {}, hooks).logits).item<double>();
  }
};

// Central difference along a random direction. In float32 the metric (about 5) carries rounding of
// 2e-6, so that steps of 1e-2 leave 2e-4 and curvature of the same size: 2e-3 of the scale.
TEST_P(EveryPoint, HasTheDerivativeOfItsFiniteDifference) {
  const auto derivatives = gradients(*model_, tokens_, {"*"}, reference_metric);
  for (const HookPoint& point : hook_points(spec_)) {
    // A score of -inf does not move.
    if (point.name.ends_with("attn_scores")) continue;
    const at::Tensor& derivative = derivatives.at(point.name);
    const at::Tensor direction =
        at::sin(at::arange(derivative.numel(), at::kFloat).mul(1.7)).view(derivative.sizes());
    // Scales are divided by, and small: the metric bends within a larger step.
    const double size = point.name.ends_with("hook_scale") ? 2e-3 : 2e-2;
    const at::Tensor step = direction.div(direction.norm()).mul(size);
    const double expected = (metric_moved(point.name, step) - metric_moved(point.name, -step)) / 2;
    const double ours = derivative.mul(step).sum().item<double>();
    EXPECT_NEAR(ours, expected, 2e-3 * size * std::max(1.0, derivative.norm().item<double>()))
        << point.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EveryPoint, ::testing::Values("gpt2", "llama"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST(Gradients, LeaveTheWeightsWithoutAny) {
  const auto model = random_model(small_gpt2_spec(), 1);
  gradients(*model, {rows_of({{1, 2}}), {}}, {"hook_embed"},
            [](const at::Tensor& logits) { return logits.sum(); });
  EXPECT_FALSE(model->weight("embed.W_E").requires_grad());
  EXPECT_FALSE(model->weight("embed.W_E").grad().defined());
}

TEST(Gradients, AreZeroWhereTheMetricDoesNotLook) {
  const auto model = random_model(small_gpt2_spec(), 1);
  const auto derivatives = gradients(*model, {rows_of({{1, 2, 3}}), {}}, {"resid_post"},
                                     [](const at::Tensor& logits) { return logits[0][1][4]; });
  const at::Tensor& last = derivatives.at("blocks.2.hook_resid_post");
  EXPECT_EQ(largest(last.select(1, 2)), 0.0);  // the future of position 1
  EXPECT_GT(largest(last.select(1, 1)), 0.0);
}

TEST(Gradients, RefuseAMetricThatIsNoNumberOrDoesNotDependOnTheLogits) {
  const auto model = random_model(small_gpt2_spec(), 1);
  const TokenBatch tokens{rows_of({{1, 2}}), {}};
  EXPECT_THAT(message_of<UsageError>([&] {
                gradients(*model, tokens, {"hook_embed"}, [](const at::Tensor& x) { return x; });
              }),
              HasSubstr("it must return one number"));
  EXPECT_THAT(message_of<UsageError>([&] {
                gradients(*model, tokens, {"hook_embed"},
                          [](const at::Tensor&) { return at::ones({}); });
              }),
              HasSubstr("is not a differentiable function of the logits"));
}

}  // namespace
}  // namespace lensbench
