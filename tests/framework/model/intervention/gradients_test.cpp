#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
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

/// The metric of tests/parity/gradients_reference.py.
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

/// The metric of one row from its last stream: what `reference_metric` has without the sum.
at::Tensor of_streams(const Model& model, const at::Tensor& residual) {
  const at::Tensor logits =
      model.unembed(model.final_norm(residual.select(1, residual.size(1) - 1)));
  return logits.select(1, 3).sub(logits.select(1, 7));
}

TEST(RunGradients, EqualThoseOfTheLogitsRowByRow) {
  const auto model = random_model(small_llama_spec(), 6, at::kFloat, 0.3);
  const at::Tensor ids = at::tensor({3, 1, 4, 1, 9, 2, 6, 5}, at::kLong).view({2, 4});
  const std::vector<std::string> globs = {"hook_embed", "blocks.1.hook_q_input",
                                          "blocks.2.hook_mlp_out"};
  const RunGradients both = run_gradients(
      *model, {ids, {}}, globs,
      [&](const at::Tensor& x, const RecordedActivations&) { return of_streams(*model, x); });
  ASSERT_EQ(both.values.numel(), 2);
  ASSERT_EQ(both.gradients.size(), 3u);
  for (std::int64_t row = 0; row < 2; ++row) {
    const TokenBatch alone{ids.narrow(0, row, 1), {}};
    const auto expected = gradients(*model, alone, globs, [](const at::Tensor& logits) {
      const at::Tensor last = logits.select(1, 3);
      return last.select(1, 3).sub(last.select(1, 7)).sum();
    });
    for (const auto& [name, gradient] : expected)
      EXPECT_LT(largest(gradient[0].sub(both.gradients.at(name)[row])), 1e-5) << name;
  }
}

TEST(RunGradients, RunTwiceOnlyForInputsOfHeadsWithTheNormBeforeThem) {
  const auto model = random_model(small_llama_spec(), 6, at::kFloat, 0.3);
  const auto forwards = [&](const std::vector<std::string>& globs) {
    int count = 0;
    GradientOptions options;
    options.hooks.read("hook_embed", [&](const at::Tensor&, const HookPoint&) { ++count; });
    run_gradients(
        *model, {at::tensor({3, 1, 4}, at::kLong).view({1, 3}), {}}, globs,
        [&](const at::Tensor& x, const RecordedActivations&) { return of_streams(*model, x); },
        options);
    return count;
  };
  EXPECT_EQ(forwards({"blocks.1.hook_q_input", "blocks.1.hook_mlp_in", "blocks.1.hook_resid_post"}),
            1);
  EXPECT_EQ(forwards({"blocks.1.hook_q_input", "blocks.1.ln1.hook_normalized"}), 2);
}

TEST(RunGradients, OfAnActivationStopWhereTheyEnd) {
  const auto model = random_model(small_gpt2_spec(), 6, at::kDouble, 0.3);
  const TokenBatch tokens{at::tensor({3, 1, 4}, at::kLong).unsqueeze(0), {}};
  GradientOptions options;
  options.stop_at_layer = 2;
  std::int64_t blocks = 0;
  options.hooks.read("blocks.*.hook_resid_pre",
                     [&](const at::Tensor&, const HookPoint&) { ++blocks; });
  const std::string neuron = "blocks.1.mlp.hook_post";
  const auto value = [&](const at::Tensor&, const RecordedActivations& seen) {
    return seen.at(neuron).select(1, 2).select(1, 5);
  };
  const at::Tensor gradient = run_gradients(*model, tokens, {"hook_embed", neuron}, value, options)
                                  .gradients.at("hook_embed")[0];
  EXPECT_EQ(blocks, 2);
  // Central differences of one coordinate at each position, through the same neuron.
  const at::Tensor embedding = model->weight("embed.W_E").index_select(0, tokens.ids[0]);
  const auto at_embedding = [&](const at::Tensor& rows) {
    double found = 0.0;
    Hooks hooks;
    hooks.replace("hook_embed",
                  [&](const at::Tensor&, const HookPoint&) { return rows.unsqueeze(0).clone(); });
    hooks.read(neuron,
               [&](const at::Tensor& x, const HookPoint&) { found = x[0][2][5].item<double>(); });
    model->forward(tokens, {}, hooks);
    return found;
  };
  for (std::int64_t position = 0; position < 3; ++position) {
    at::Tensor up = embedding.clone(), down = embedding.clone();
    up[position][7] += 1e-5;
    down[position][7] -= 1e-5;
    EXPECT_NEAR(gradient[position][7].item<double>(),
                (at_embedding(up) - at_embedding(down)) / 2e-5, 1e-7);
  }
}

TEST(VectorJacobianProducts, AreTheRowsOfTheJacobian) {
  const auto model = random_model(small_gpt2_spec(), 6, at::kDouble, 0.3);
  const TokenBatch tokens{at::tensor({3, 1, 4}, at::kLong).unsqueeze(0), {}};
  const auto stream = [](const at::Tensor& x, const RecordedActivations&) { return x[0][2]; };
  at::Tensor first = at::zeros({24}, at::kDouble), mixed = at::zeros({24}, at::kDouble);
  first[4] = 1.0;
  mixed[4] = 2.0;
  mixed[9] = 1.0;
  const std::string name = "blocks.1.hook_resid_pre";
  const auto products = vector_jacobian_products(*model, tokens, {name}, stream, {first, mixed});
  for (std::size_t i = 0; i < 2; ++i) {
    const at::Tensor seed = i == 0 ? first : mixed;
    const auto expected = run_gradients(
        *model, tokens, {name},
        [&](const at::Tensor& x, const RecordedActivations&) { return (x[0][2] * seed).sum(); });
    EXPECT_LT(largest(products[i].at(name).sub(expected.gradients.at(name))), 1e-12);
  }
  EXPECT_THAT(message_of<UsageError>([&] {
                vector_jacobian_products(*model, tokens, {name}, stream, {at::ones({2})});
              }),
              HasSubstr("seed 0 must have the shape"));
  EXPECT_THAT(message_of<UsageError>([&] {
                run_gradients(
                    *model, tokens, {name},
                    [](const at::Tensor&, const RecordedActivations&) { return at::ones({1}); });
              }),
              HasSubstr("does not depend on the run"));
}

}  // namespace
}  // namespace lensbench
