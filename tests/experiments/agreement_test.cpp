#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/model.hpp>
#include <map>
#include <string>
#include <vector>

#include "experiments/agreement_methods.hpp"
#include "experiments/experiment_run.hpp"
#include "experiments/reference_statistics.hpp"
#include "support/embedded_model.hpp"
#include "support/results.hpp"

// The embedded model: its gradients and its lens are computed again from runs of the model alone.

namespace lensbench {
namespace {

using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::kAgreement;
using testing::kDirectRow;
using testing::kGradientRow;
using testing::kIntegratedRow;
using testing::kLensRow;
using testing::run_experiment;
using testing::value_at;
using testing::reference::Values;

/// What runs of the model give, without any tool.
class RunsAlone {
 public:
  RunsAlone(const Model& model, const Dataset& found, const std::string& clean,
            const std::string& corrupted)
      : model_(model),
        clean_(to_tokens(model, clean)),
        corrupted_(to_tokens(model, corrupted)),
        target_(std::get<std::int64_t>(found.attributes.at("target"))),
        versus_(std::stoll(std::get<std::string>(found.attributes.at("versus")))),
        clean_values_(read(clean_)),
        corrupted_values_(read(corrupted_)) {}

  /// logit(target) - logit(versus) at the last token.
  double metric(const at::Tensor& logits) const {
    const at::Tensor last = logits[0][-1].to(at::kDouble);
    return last[target_].item<double>() - last[versus_].item<double>();
  }

  /// d metric / d share at 0, where an output is moved by that share of the difference between the
  /// prompts, in a run whose stream before the first block is between both; central difference.
  double slope(const std::string& hook, double between) const {
    const double step = 0.02;
    return (moved(hook, between, step) - moved(hook, between, -step)) / (2 * step);
  }

  /// Metric of the lens at a point of the stream of a prompt.
  double lens(const std::string& hook, bool clean) const {
    const at::Tensor stream = (clean ? clean_values_ : corrupted_values_).at(hook);
    return metric(model_.unembed(model_.final_norm(stream)));
  }

 private:
  using Activations = std::map<std::string, at::Tensor>;

  Activations read(const Tokens& tokens) const {
    Activations found;
    Hooks hooks;
    for (const char* glob :
         {"blocks.*.hook_attn_out", "blocks.*.hook_mlp_out", "blocks.*.hook_resid_pre",
          "blocks.*.hook_resid_mid", "blocks.*.hook_resid_post"})
      hooks.read(glob, [&](const at::Tensor& x, const HookPoint& point) {
        found[point.name] = x.clone();
      });
    model_.forward(make_batch(tokens), {}, hooks);
    return found;
  }

  at::Tensor difference(const std::string& hook) const {
    return clean_values_.at(hook).sub(corrupted_values_.at(hook));
  }

  double moved(const std::string& hook, double between, double share) const {
    const std::string first = "blocks.0.hook_resid_pre";
    Hooks hooks;
    hooks.replace(first, [&](const at::Tensor& x, const HookPoint&) {
      return x.add(difference(first), between);
    });
    hooks.replace(hook, [&](const at::Tensor& x, const HookPoint&) {
      return x.add(difference(hook), share);
    });
    return metric(model_.forward(make_batch(corrupted_), {}, hooks).logits);
  }

  const Model& model_;
  Tokens clean_, corrupted_;
  std::int64_t target_, versus_;
  Activations clean_values_, corrupted_values_;
};

class EmbeddedAgreement : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    run_ = new ExperimentRun(run_experiment(
        kAgreement, testing::kModel,
        {pair("aaron", "Judah", "Aaron", "Peter"), pair("moses", "Israel", "Moses", "Isaac"),
         pair("peter", "Saul", "Peter", "Moses")}));
  }
  static void TearDownTestSuite() { delete run_; }

  static std::string sentence(const std::string& first, const std::string& second) {
    return " Then came " + first + " and " + second + " to the house; and " + first + " and";
  }
  static CaseInput pair(const std::string& id, const std::string& first, const std::string& second,
                        const std::string& other) {
    return {
        id,
        sentence(first, second),
        {},
        {{"corrupted", sentence(first, other)}, {"target", " " + second}, {"versus", " " + other}}};
  }
  static Dataset first() { return run_->saved("methods").front(); }
  static const Dataset& table() { return run_->report.summaries.at(kAgreement); }

  static std::string hook_of(std::int64_t component) {
    return "blocks." + std::to_string(component / 2) +
           (component % 2 == 0 ? ".hook_attn_out" : ".hook_mlp_out");
  }
  static constexpr std::int64_t kComponents = 12;
  static inline ExperimentRun* run_ = nullptr;
};

// A central difference over 4 % of the change is off by its third derivative, and by rounding of
// float32 logits over 0.04: 1e-4 of the logits.
TEST_F(EmbeddedAgreement, TakesGradientsThatDifferencesConfirm) {
  ASSERT_EQ(run_->report.failures.size(), 0u) << run_->report.failures.front().message;
  const auto model = Model::open(testing::kModel);
  const RunsAlone runs(*model, first(), sentence("Judah", "Aaron"), sentence("Judah", "Peter"));
  const double tolerance = 0.01 * std::max(1.0, std::abs(value_at(first(), "gap")));
  for (std::int64_t component = 0; component < kComponents; ++component) {
    EXPECT_NEAR(value_at(first(), "value", {kGradientRow, component}),
                runs.slope(hook_of(component), 0.0), tolerance)
        << component;
    double mean = 0;
    for (const double between : {0.1, 0.3, 0.5, 0.7, 0.9})
      mean += runs.slope(hook_of(component), between) / 5;
    EXPECT_NEAR(value_at(first(), "value", {kIntegratedRow, component}), mean, tolerance)
        << component;
  }
}

TEST_F(EmbeddedAgreement, ReadsTheLensBeforeAndAfterEachComponent) {
  const auto model = Model::open(testing::kModel);
  const RunsAlone runs(*model, first(), sentence("Judah", "Aaron"), sentence("Judah", "Peter"));
  for (std::int64_t component = 0; component < kComponents; ++component) {
    const std::string block = "blocks." + std::to_string(component / 2);
    const bool attention = component % 2 == 0;
    const std::string before = block + (attention ? ".hook_resid_pre" : ".hook_resid_mid");
    const std::string after = block + (attention ? ".hook_resid_mid" : ".hook_resid_post");
    const double expected = (runs.lens(after, true) - runs.lens(before, true)) -
                            (runs.lens(after, false) - runs.lens(before, false));
    EXPECT_NEAR(value_at(first(), "value", {kLensRow, component}), expected, 1e-4) << component;
  }
}

TEST_F(EmbeddedAgreement, ComparesMethodsAsTheirDefinitionsSay) {
  for (const Dataset& one : run_->saved("methods"))
    for (std::int64_t i = 0; i < 6; ++i)
      for (std::int64_t k = 0; k < 6; ++k) {
        Values a, b;
        for (std::int64_t component = 0; component < kComponents; ++component) {
          a.push_back(value_at(one, "value", {i, component}));
          b.push_back(value_at(one, "value", {k, component}));
        }
        EXPECT_NEAR(value_at(one, "spearman", {i, k}), testing::reference::spearman(a, b), 1e-9);
        const double least = 0.02 * std::abs(value_at(one, "gap"));
        double same = 0, compared = 0;
        for (std::size_t c = 0; c < a.size(); ++c)
          if (std::abs(a[c]) > least && std::abs(b[c]) > least) {
            compared += 1;
            same += a[c] * b[c] > 0 ? 1 : 0;
          }
        if (compared > 0)
          EXPECT_NEAR(value_at(one, "sign_agreement", {i, k}), same / compared, 1e-9);
        else
          EXPECT_TRUE(std::isnan(value_at(one, "sign_agreement", {i, k})));
      }
}

TEST_F(EmbeddedAgreement, AveragesOverCases) {
  const auto cases = run_->saved("methods");
  const auto mean_of = [&](const std::string& name, const std::vector<std::int64_t>& index) {
    Values values;
    for (const Dataset& one : cases) values.push_back(value_at(one, name, index));
    return testing::reference::mean(values);
  };
  for (std::int64_t method = 0; method < 6; ++method)
    for (std::int64_t component = 0; component < kComponents; ++component)
      EXPECT_NEAR(value_at(table(), "value_mean", {method, component}),
                  mean_of("value", {method, component}), 1e-9);
  Values shared, independent;
  for (std::int64_t i = 0; i < 6; ++i)
    for (std::int64_t k = i + 1; k < 6; ++k) {
      const double mean = mean_of("spearman", {i, k});
      EXPECT_NEAR(value_at(table(), "spearman_mean", {i, k}), mean, 1e-9);
      const bool one_assumption =
          (i == kLensRow && k == kDirectRow) || (i == kGradientRow && k == kIntegratedRow);
      (one_assumption ? shared : independent).push_back(mean);
      EXPECT_EQ(value_at(table(), "shares_an_assumption", {i, k}), one_assumption ? 1 : 0);
    }
  EXPECT_NEAR(value_at(table(), "agreement_mean", {0}), testing::reference::mean(shared), 1e-9);
  EXPECT_NEAR(value_at(table(), "agreement_mean", {1}), testing::reference::mean(independent),
              1e-9);
}

TEST_F(EmbeddedAgreement, HoldsItsReceipts) {
  for (const Dataset& one : run_->saved("methods")) testing::expect_receipts_hold(one, 4);
}

std::string agreement_failure(const CaseInput& input) {
  const auto run =
      run_experiment(kAgreement, testing::kModel, {input}, {{"ablation", "mean_of_prompt"}});
  return run.report.failures.empty() ? "" : run.report.failures.front().message;
}

TEST(Agreement, SaysWhatAPairLacks) {
  EXPECT_THAT(agreement_failure({"a", "And Moses took", {}, {}}), HasSubstr("corrupted"));
  EXPECT_THAT(
      agreement_failure({"a", "And Moses took", {}, {{"corrupted", "And Moses took the book"}}}),
      HasSubstr("give prompts of equal length"));
  EXPECT_THAT(agreement_failure({"a", "And Moses took", {}, {{"corrupted", "And Moses took"}}}),
              HasSubstr("equal token for token"));
}

}  // namespace
}  // namespace lensbench
