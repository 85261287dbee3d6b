// Attribution to input tokens: hand-derived values on a linear model, and formulas computed here
// from whole forwards in float64.
#include "input_attribution/input_attribution.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>

#include "input_attribution/integral.hpp"
#include "input_attribution/methods.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/planted_facts.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"

namespace lensbench::inputs {

using testing::expect_receipts_hold;
namespace {

using ::lensbench::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct InputBench : testing::ToolBench<InputAttributionTool> {
  InputBench(const std::shared_ptr<const Model>& given, const std::vector<std::int64_t>& ids)
      : ToolBench(given, ids) {
    tool.attach(context, testing::declared(InputAttributionTool::kParameters),
                "tool 'input_attribution'");
  }
};

TEST(Integral, OfAProductFromZeroGivesEachFactorHalf) {
  // m = x1 x2: both gradients times input give m, integrated gradients m / 2 each.
  const at::Tensor x = at::tensor({3.0, -2.0}, at::kDouble);
  const GradientAt gradient = [](const at::Tensor& inputs) { return inputs.flip(1); };
  EXPECT_TRUE((x * gradient(x.unsqueeze(0))[0]).equal(at::tensor({-6.0, -6.0}, at::kDouble)));
  for (const char* name : {"midpoint", "trapezoid", "gauss_legendre"})
    for (const std::int64_t rows : {1, 3}) {
      const at::Tensor found =
          integrated_gradients(gradient, x, at::zeros_like(x), integration_rule(name, 4), rows);
      EXPECT_LE((found + 3.0).abs().max().item<double>(), 1e-14) << name;
    }
}

TEST(Integral, RulesHaveTheirOrder) {
  const auto integral = [](const char* name, std::int64_t steps, double power) {
    const Rule rule = integration_rule(name, steps);
    double sum = 0.0, weights = 0.0;
    for (std::size_t k = 0; k < rule.points.size(); ++k) {
      sum += rule.weights[k] * std::pow(rule.points[k], power);
      weights += rule.weights[k];
    }
    EXPECT_NEAR(weights, 1.0, 1e-14);
    return sum;
  };
  for (const std::int64_t steps : {1, 2, 5, 32})
    for (std::int64_t power = 0; power < 2 * steps; ++power)
      EXPECT_NEAR(integral("gauss_legendre", steps, static_cast<double>(power)),
                  1.0 / static_cast<double>(power + 1), 1e-13);
  EXPECT_NEAR(integral("midpoint", 10, 2), 1.0 / 3 - 1.0 / 1200, 1e-14);
  EXPECT_NEAR(integral("trapezoid", 11, 2), 1.0 / 3 + 1.0 / 600, 1e-14);
}

TEST(Windows, ShareTheirEffect) {
  // Windows of two tokens: 0-1 has 2, 1-2 has 4. Token 1 is in both.
  const at::Tensor shares = spread_over_windows(at::tensor({2.0, 4.0}, at::kDouble), 3, 2);
  EXPECT_TRUE(shares.equal(at::tensor({1.0, 1.5, 2.0}, at::kDouble)));
}

// Token j before the last of n gets (1/n) e_j OV w, the last also e_n w.
TEST(LinearModel, GivesEachTokenItsTermByEveryMethod) {
  const std::vector<std::vector<double>> ov = {{1.0, -0.5, 0.25, 0.0},
                                               {0.25, 2.0, 0.5, -1.0},
                                               {0.0, 0.5, -0.25, 1.0},
                                               {0.5, 0.25, 1.0, 0.5}};
  InputBench bench(testing::linear_model(ov).open(), {1, 3, 2});
  InputAttributionOptions options;
  options.baseline = "zero";
  options.metric.versus = Target::token(2);
  options.steps = 3;
  const Dataset result = bench.tool.attribute(bench.tokens, Target::token(1), options);
  for (std::size_t t = 0; t < 3; ++t) {
    const auto id = static_cast<std::size_t>(bench.tokens.ids[t]);
    double expected = (ov[id][1] - ov[id][2]) / 3;
    if (t == 2) expected += -1.0;  // the last token is versus itself
    for (std::int64_t method = 0; method < 3; ++method)
      EXPECT_NEAR(result["attribution"].tensor[method][static_cast<std::int64_t>(t)].item<double>(),
                  expected, 1e-5)
          << method << " " << t;
  }
  EXPECT_NEAR(result["baseline_metric"].tensor.item<double>(), 0.0, 1e-6);
  EXPECT_LE(result["completeness_gap"].tensor.abs().max().item<double>(), 2e-5);
  expect_receipts_hold(result);
}

class RandomInputs : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr std::int64_t kTarget = 6, kPosition = 4;

  static TransformerSpec spec() {
    return std::string(GetParam()) == "gpt2" ? small_gpt2_spec() : small_llama_spec();
  }
  /// Log-probability of the target with these embeddings, from a whole forward.
  double metric(const at::Tensor& embeddings) const {
    Hooks hooks;
    hooks.replace("hook_embed", [&](const at::Tensor&, const HookPoint&) {
      return embeddings.unsqueeze(0).clone();
    });
    // Logits are float32; the stream is float64.
    const at::Tensor residual =
        bench_.model->forward(make_batch(bench_.tokens), {}, hooks).residual;
    const at::Tensor row = bench_.model->final_norm(residual[0].narrow(0, kPosition, 1));
    const at::Tensor logits =
        at::matmul(row, bench_.model->unembedding().weight.t().to(at::kDouble));
    return at::log_softmax(logits, -1)[0][kTarget].item<double>();
  }
  /// Central differences, [token, d_model].
  at::Tensor differences(const at::Tensor& at_input) const {
    constexpr double kStep = 1e-5;
    at::Tensor gradient = at::zeros_like(at_input);
    for (std::int64_t t = 0; t < at_input.size(0); ++t)
      for (std::int64_t d = 0; d < at_input.size(1); ++d) {
        at::Tensor up = at_input.clone(), down = at_input.clone();
        up[t][d] += kStep;
        down[t][d] -= kStep;
        gradient[t][d] = (metric(up) - metric(down)) / (2 * kStep);
      }
    return gradient;
  }
  at::Tensor embeddings() const {
    return bench_.model->weight("embed.W_E")
        .index_select(0, at::tensor(bench_.tokens.ids, at::kLong));
  }
  /// Log-probability in nats of the target after the last token of a context, by a softmax of the
  /// whole row of logits.
  double after(const std::vector<std::int64_t>& context) const {
    const at::Tensor logits =
        bench_.model->forward(make_batch(tokens_from_ids(*bench_.model, context))).logits[0][-1];
    return at::log_softmax(logits.to(at::kDouble), -1)[kTarget].item<double>();
  }
  Dataset attribute(const InputAttributionOptions& given) {
    InputAttributionOptions options = given;
    options.metric.position = kPosition;
    return bench_.tool.attribute(bench_.tokens, Target::token(kTarget), options);
  }
  static void expect_row(const at::Tensor& found, const at::Tensor& expected, double tolerance) {
    EXPECT_LE((found.narrow(0, 0, kPosition + 1) - expected.narrow(0, 0, kPosition + 1))
                  .abs()
                  .max()
                  .item<double>(),
              tolerance)
        << found << expected;
  }

  InputBench bench_{random_model(spec(), 6, at::kDouble, 0.3), {3, 17, 5, 5, 11, 2}};
};

// Logits, and so gradients of log-probabilities, have a float32 step.
constexpr double kFloatLogits = 1e-5;

TEST_P(RandomInputs, GradientsAreThoseOfFiniteDifferences) {
  InputAttributionOptions options;
  options.methods = {"gradient_x_input"};
  const Dataset result = attribute(options);
  const at::Tensor x = embeddings(), gradient = differences(x);
  expect_row(result["attribution"].tensor[0], (x * gradient).sum(-1), kFloatLogits);
  expect_row(result["saliency"].tensor, gradient.norm(2, -1), kFloatLogits);
  EXPECT_TRUE(result["attribution"].tensor[0][5].isnan().item<bool>());
  expect_receipts_hold(result);
}

TEST_P(RandomInputs, IntegratedGradientsFollowTheStraightPath) {
  InputAttributionOptions options;
  options.methods = {"integrated_gradients"};
  options.rule = "gauss_legendre";
  options.steps = 3;
  options.completeness_tolerance = 1.0;
  options.graph_bytes = 1;  // one row at a time
  const at::Tensor alone = attribute(options)["attribution"].tensor[0];
  options.graph_bytes = std::int64_t{1} << 28;
  const Dataset result = attribute(options);
  // Other numbers of rows, so other sums of float32 logits, but no other result.
  expect_row(alone, result["attribution"].tensor[0], kFloatLogits);
  const at::Tensor x = embeddings();
  const at::Tensor mean = bench_.model->weight("embed.W_E").mean(0, true).expand_as(x);
  // Gauss-Legendre with three points.
  const double offset = std::sqrt(15.0) / 10;
  const at::Tensor path = differences(mean + (x - mean) * (0.5 - offset)) * (5.0 / 18) +
                          differences(mean + (x - mean) * 0.5) * (8.0 / 18) +
                          differences(mean + (x - mean) * (0.5 + offset)) * (5.0 / 18);
  expect_row(result["attribution"].tensor[0], ((x - mean) * path).sum(-1), kFloatLogits);
  EXPECT_NEAR(result["input_metric"].tensor.item<double>(), metric(x), kFloatLogits);
  EXPECT_NEAR(result["baseline_metric"].tensor.item<double>(), metric(mean.clone()), kFloatLogits);
}

// From another token: the mean of a small random vocabulary is near zero, where an RMS norm bends.
TEST_P(RandomInputs, IntegratedGradientsAreComplete) {
  InputAttributionOptions options;
  options.baseline = "token";
  options.baseline_token = 9;
  options.methods = {"integrated_gradients"};
  options.rule = "gauss_legendre";
  const Dataset result = attribute(options);
  const double gap = result["completeness_gap"].tensor.item<double>();
  EXPECT_LE(std::abs(gap), 1e-3);
  expect_receipts_hold(result);
}

TEST_P(RandomInputs, OcclusionIsTheDifferenceOfTwoForwards) {
  InputAttributionOptions options;
  options.methods = {"occlusion"};
  options.baseline = "token";
  options.baseline_token = 9;
  const Dataset result = attribute(options);
  const at::Tensor x = embeddings(), base = bench_.model->weight("embed.W_E")[9];
  at::Tensor expected = at::zeros({6}, at::kDouble);
  for (std::int64_t t = 0; t < 6; ++t) {
    at::Tensor changed = x.clone();
    changed[t].copy_(base);
    expected[t] = metric(x) - metric(changed);
  }
  expect_row(result["attribution"].tensor[0], expected, kFloatLogits);
  expect_receipts_hold(result);
}

TEST_P(RandomInputs, AttentionMethodsUseTheGradientOfThePattern) {
  InputAttributionOptions options;
  options.methods = {"attention_gradient", "relevance"};
  const Dataset result = attribute(options);
  at::Tensor sum = at::zeros({6}, at::kDouble), r = at::eye(6, at::kDouble);
  for (std::int64_t block = 0; block < 3; ++block) {
    const std::string hook = "blocks." + std::to_string(block) + ".attn.hook_pattern";
    at::Tensor pattern;
    Hooks hooks;
    hooks.read(hook, [&](const at::Tensor& x, const HookPoint&) { pattern = x[0]; });
    bench_.model->forward(make_batch(bench_.tokens), {}, hooks);
    const at::Tensor derivative =
        gradients(*bench_.model, make_batch(bench_.tokens), {hook}, [](const at::Tensor& logits) {
          return at::log_softmax(logits[0][kPosition].to(at::kDouble), -1)[kTarget];
        }).at(hook)[0];
    const at::Tensor product = pattern * derivative;
    sum = sum + product.sum(0).sum(0);
    r = r + at::matmul(product.clamp_min(0).mean(0), r);
  }
  expect_row(result["attribution"].tensor[0], sum, kFloatLogits);
  expect_row(result["attribution"].tensor[1], r[kPosition] - at::eye(6, at::kDouble)[kPosition],
             kFloatLogits);
  EXPECT_TRUE(result["completeness_gap"].tensor.isnan().all().item<bool>());
}

TEST_P(RandomInputs, DeeperLayersAttributeToTheirStream) {
  InputAttributionOptions options;
  options.layer = 2;
  options.rule = "gauss_legendre";
  const Dataset result = attribute(options);
  EXPECT_LE(std::abs(result["completeness_gap"].tensor[1].item<double>()), 1e-3);
  expect_receipts_hold(result);
}

// The pointwise form of P-CXMI, ln p(t|context) - ln p(t|contrast) in nats. The contexts are
// shorter and longer than the prompt: each is read at its own last position.
TEST_P(RandomInputs, ContrastIsTheLogProbabilityGainedOverTheOtherContext) {
  InputAttributionOptions options;
  options.methods = {"gradient_x_input"};
  const Dataset plain = attribute(options);
  const double prompt = after({3, 17, 5, 5, 11});  // the metric's position is the fifth
  for (const std::vector<std::int64_t>& context :
       {std::vector<std::int64_t>{8, 2}, {1, 9, 4, 7, 7, 2, 12, 3}}) {
    const double contrast = after(context);
    // Values this far from 0 tell a wrong sign, bits and another position from the right number.
    ASSERT_GT(std::abs(prompt - contrast), 1e-2);
    options.contrast = tokens_from_ids(*bench_.model, context);
    const Dataset found = attribute(options);
    EXPECT_NEAR(found["input_metric"].tensor.item<double>(), prompt - contrast, kFloatLogits);
    EXPECT_NEAR(found["baseline_metric"].tensor.item<double>(),
                plain["baseline_metric"].tensor.item<double>() - contrast, kFloatLogits);
    expect_row(found["attribution"].tensor[0], plain["attribution"].tensor[0], kFloatLogits);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, RandomInputs, ::testing::Values("gpt2", "llama"),
                         [](const auto& param_info) { return std::string(param_info.param); });

class AskedInputs : public ::testing::Test {
 protected:
  std::string fault(const Settings& settings) {
    return message_of<UsageError>([&] {
      const Request request(bench_.tokens, bench_.tool.parameters(settings));
      bench_.tool.check_parameters(request.parameters());
      bench_.tool.run(request);
    });
  }
  InputBench bench_{random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), {3, 17, 5, 2}};
};

TEST_F(AskedInputs, RefusesWhatHasNoMeaning) {
  EXPECT_THAT(fault({{"metric", "kl"}}), HasSubstr("gradient 0"));
  EXPECT_THAT(fault({{"layer", "3"}}), HasSubstr("layer 3 does not exist"));
  EXPECT_THAT(fault({{"baseline", "token"}}), HasSubstr("set baseline_token"));
  EXPECT_THAT(fault({{"baseline_token", "3"}}), HasSubstr("only baseline=token uses it"));
  EXPECT_THAT(fault({{"baseline", "prompt"}}), HasSubstr("second is missing"));
  EXPECT_THAT(fault({{"methods", "occlusion"}, {"window", "5"}}),
              AllOf(HasSubstr("window is 5"), HasSubstr("the prompt has 4 tokens")));
  EXPECT_THAT(fault({{"methods", "none"}}), HasSubstr("expected one or more of"));
  InputAttributionOptions options;
  options.contrast = bench_.tokens;
  options.metric.versus = Target::token(3);
  EXPECT_THAT(message_of<UsageError>(
                  [&] { bench_.tool.attribute(bench_.tokens, Target::token(6), options); }),
              HasSubstr("compares log-probabilities"));
}

TEST_F(AskedInputs, RefusesParametersBeforeTheFirstCase) {
  const auto refusal = [&](const Settings& settings) {
    return message_of<UsageError>(
        [&] { bench_.tool.check_parameters(bench_.tool.parameters(settings)); });
  };
  EXPECT_NO_THROW(bench_.tool.check_parameters(bench_.tool.parameters({})));
  EXPECT_THAT(refusal({{"methods", "none"}}), HasSubstr("expected one or more of"));
  EXPECT_THAT(refusal({{"layer", "3"}}), HasSubstr("layer 3 does not exist"));
  EXPECT_THAT(refusal({{"metric", "kl"}}), HasSubstr("gradient 0"));
}

TEST_F(AskedInputs, ContrastSubtractsTheOtherContext) {
  InputAttributionOptions options;
  options.contrast = bench_.tokens;
  const Dataset same = bench_.tool.attribute(bench_.tokens, Target::token(6), options);
  EXPECT_NEAR(same["input_metric"].tensor.item<double>(), 0.0, 1e-5);
}

TEST_F(AskedInputs, RecordsItsOptions) {
  const Request request(bench_.tokens, bench_.tool.parameters({{"steps", "4"}}));
  const Dataset result = bench_.tool.run(request);
  for (const ParameterSpec& parameter : InputAttributionTool::kParameters) {
    const std::string name = parameter.name;
    EXPECT_TRUE(name.starts_with("corrupted") || result.attributes.contains(name)) << name;
  }
  EXPECT_EQ(schema_problem({std::begin(kInputTable), std::end(kInputTable)}, result), "");
  EXPECT_LE(*bench_.tool.estimate(request).bytes, 268435456.0);
}

}  // namespace
}  // namespace lensbench::inputs
