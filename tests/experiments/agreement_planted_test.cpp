#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "experiments/agreement_methods.hpp"
#include "experiments/experiment_run.hpp"
#include "support/planted_facts.hpp"
#include "support/results.hpp"
#include "support/temp_dir.hpp"

// Models whose components are known, with values by hand.

namespace lensbench {
namespace {

using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::kAblationRow;
using testing::kAgreement;
using testing::kDirectRow;
using testing::kGradientRow;
using testing::kIntegratedRow;
using testing::kLensRow;
using testing::kPatchingRow;
using testing::run_experiment;
using testing::value_at;

std::string listed(const std::vector<std::int64_t>& ids) {
  std::string text;
  for (const std::int64_t id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

// One block whose head adds the mean of x_j W over all positions: the part of its output in the
// gap at the last of n positions is 1/n sum_j (W[j][target] - W[j][versus]) of the clean ids minus
// the same of the corrupted ones.
class LinearAgreement : public ::testing::Test {
 protected:
  LinearAgreement() {
    testing::linear_model(kMatrix).write(folder_.path());
    run_ = run_experiment(
        kAgreement, folder_.path(),
        {{"one", {}, kClean, {{"corrupted_ids", listed(kCorrupted)}, {"target", "1"}}}},
        {{"versus", "2"}, {"ablation", "zero"}});
  }

  static double part(const std::vector<std::int64_t>& ids) {
    double sum = 0;
    for (const std::int64_t id : ids) {
      const auto& row = kMatrix[static_cast<std::size_t>(id)];
      sum += row[1] - row[2];
    }
    return sum / static_cast<double>(ids.size());
  }
  const Dataset& found() { return run_.sink.committed.at(0).at("methods"); }

  static inline const std::vector<std::vector<double>> kMatrix = {{0.5, 1.0, 0.25, 0.0},
                                                                  {0.0, -0.5, 0.75, 0.5},
                                                                  {-0.5, 0.25, 2.0, 0.0},
                                                                  {0.25, 0.5, -1.0, 0.25}};
  static inline const std::vector<std::int64_t> kClean = {0, 1, 3, 3}, kCorrupted = {2, 1, 0, 3};
  testing::TempDir folder_;
  ExperimentRun run_;
};

// The norms' relative error is below 2e-6 for these streams.
TEST_F(LinearAgreement, GivesTheSameNumberByEveryMethodThatComparesThePrompts) {
  ASSERT_EQ(run_.report.failures.size(), 0u) << run_.report.failures.front().message;
  const double expected = part(kClean) - part(kCorrupted);
  ASSERT_GT(std::abs(expected), 0.5) << "a gap that tells methods apart";
  for (const std::int64_t method :
       {kLensRow, kDirectRow, kPatchingRow, kGradientRow, kIntegratedRow}) {
    EXPECT_NEAR(value_at(found(), "value", {method, 0}), expected, 1e-5) << method;
    EXPECT_NEAR(value_at(found(), "value", {method, 1}), 0.0, 1e-5) << method;
  }
  // Without the head's output its part in the clean run alone is lost.
  EXPECT_NEAR(value_at(found(), "value", {kAblationRow, 0}), part(kClean), 1e-5);
  // The last tokens are equal, so the embeddings do not add to the gap.
  EXPECT_NEAR(value_at(found(), "gap"), expected, 1e-5);
  testing::expect_receipts_hold(found(), 4);
}

TEST_F(LinearAgreement, FindsAllOfItAtThePositionThatIsRead) {
  for (std::int64_t token = 0; token < 4; ++token) {
    const double expected = token == 3 ? part(kClean) - part(kCorrupted) : 0.0;
    for (const std::int64_t method : {kPatchingRow, kGradientRow, kIntegratedRow})
      EXPECT_NEAR(value_at(found(), "value_by_token", {method, 0, token}), expected, 1e-5);
    EXPECT_TRUE(std::isnan(value_at(found(), "value_by_token", {kDirectRow, 0, token})));
  }
}

TEST_F(LinearAgreement, DoesNotTestOneCase) {
  const Dataset& table = run_.report.summaries.at(kAgreement);
  EXPECT_EQ(table["presence"].tensor.abs().sum().item<std::int64_t>(), 0);
  EXPECT_EQ(table["contradiction"].tensor.sum().item<std::int64_t>(), 0);
  EXPECT_TRUE(std::isnan(value_at(table, "spearman_interval", {0, kPatchingRow, kDirectRow})));
}

// Subject k becomes answer k in the MLP of block 1, and L2H0 moves it to the last token, where the
// logit of the answer is b: the gap of `target - versus` is 2 b.
class PlantedAgreement : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::TempDir folder;
    const testing::FactTokens tokens{4};
    testing::fact_model(kLogit, tokens).write(folder.path());
    std::vector<CaseInput> cases;
    for (std::int64_t k = 0; k < 4; ++k)
      for (std::int64_t other = 0; other < 4; ++other)
        if (k != other)
          cases.push_back({std::to_string(k) + "-" + std::to_string(other),
                           {},
                           tokens.prompt(k),
                           {{"corrupted_ids", listed(tokens.prompt(other))},
                            {"target", std::to_string(tokens.answer(k))},
                            {"versus", std::to_string(tokens.answer(other))}}});
    run_ = new ExperimentRun(run_experiment(kAgreement, folder.path(), cases));
  }
  static void TearDownTestSuite() { delete run_; }

  static const Dataset& table() { return run_->report.summaries.at(kAgreement); }
  static constexpr double kLogit = 2;
  static constexpr std::int64_t kMlp = 3, kAttention = 4;  ///< 1_mlp_out and 2_attn_out
  static inline ExperimentRun* run_ = nullptr;
};

TEST_F(PlantedAgreement, FindsTheTwoComponentsByEachMethodThatCanSeeThem) {
  ASSERT_EQ(run_->report.failures.size(), 0u) << run_->report.failures.front().message;
  EXPECT_NEAR(value_at(table(), "gap_mean"), 2 * kLogit, 1e-4);
  for (std::int64_t method = 0; method < 6; ++method)
    for (std::int64_t component = 0; component < 8; ++component) {
      const bool sees_the_direct_path = method == kLensRow || method == kDirectRow;
      const bool is_there = component == kAttention || (component == kMlp && !sees_the_direct_path);
      // The mean over the prompts has every answer equally, which takes away the clean half.
      const double whole = method == kAblationRow ? kLogit : 2 * kLogit;
      EXPECT_NEAR(value_at(table(), "value_mean", {method, component}), is_there ? whole : 0.0,
                  1e-4)
          << method << " " << component;
      EXPECT_EQ(value_at(table(), "presence", {method, component}), is_there ? 1 : -1)
          << method << " " << component;
    }
}

TEST_F(PlantedAgreement, SaysThatTheMlpActsThroughALaterComponentAndNothingElse) {
  for (std::int64_t component = 0; component < 8; ++component)
    for (std::int64_t kind = 0; kind < 6; ++kind)
      EXPECT_EQ(value_at(table(), "contradiction", {component, kind}),
                component == kMlp && table()["kind"].strings[2] == "indirect" && kind == 2 ? 1 : 0)
          << component << " " << kind;
  EXPECT_THAT(table()["contradiction_text"].strings[kMlp],
              ::testing::AllOf(HasSubstr("indirect: "), HasSubstr("patching 4, "),
                               HasSubstr("direct "), HasSubstr("(absent)")));
  EXPECT_EQ(table()["contradiction_text"].strings[kAttention], "none");
  EXPECT_THAT(std::get<std::string>(table().attributes.at("finding")),
              HasSubstr("contradictions: 1; 1_mlp_out: indirect"));
}

TEST_F(PlantedAgreement, ShowsThatTheAnswerIsWrittenAtTheLastTokenByAttention) {
  for (std::int64_t component = 0; component < 8; ++component)
    EXPECT_EQ(value_at(table(), "presence_at_position", {component}),
              component == kAttention ? 1 : -1)
        << component;
}

TEST_F(PlantedAgreement, HoldsItsReceiptsInEveryCase) {
  for (const Dataset& one : run_->saved("methods")) testing::expect_receipts_hold(one, 4);
}

}  // namespace
}  // namespace lensbench
