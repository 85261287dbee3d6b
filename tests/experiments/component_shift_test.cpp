#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "experiments/biased_model.hpp"
#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/picture_samples.hpp"
#include "support/temp_dir.hpp"

// Components of a planted model of which one was changed by a known factor, and of two moments of
// the embedded model, whose streams and logits are read again from forwards.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;

const std::string kModelComparison = "model_comparison";
const std::string kEarlierStep = testing::kModel + "/checkpoints/step-400";

/// Row of a label on an axis of labels.
std::int64_t row_of(const Dataset& result, const std::string& axis, const std::string& label) {
  const auto& labels = result[axis].strings;
  return std::distance(labels.begin(), std::find(labels.begin(), labels.end(), label));
}

testing::ExperimentRun run_planted(const std::string& target) {
  const testing::TempDir folder;
  testing::biased_model(1.0).write(folder / "base");
  testing::biased_model(1.5).write(folder / "tuned");
  return run_experiment(
      kModelComparison, folder / "tuned", {{"a", "t0 t1 t3", {}, {}}, {"b", "t2 t2", {}, {}}},
      {{"other", (folder / "base").string()}, {"target", target}, {"top_k", "2"}});
}

TEST(ComponentShift, OfAComponentThatWasEnlargedByAHalfIsAHalfThereAlone) {
  const auto run = run_planted("t3");
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  for (const Dataset& one : run.saved("component_shift")) {
    const std::int64_t changed = row_of(one, "component", "1_mlp_out");
    for (std::int64_t token = 0; token < one.dim("token"); ++token) {
      EXPECT_NEAR(value_at(one, "moved", {changed, token}), .5, 1e-5);
      EXPECT_EQ(value_at(one, "moved", {row_of(one, "component", "embed"), token}), 0);
      // Neither model writes anything there, so a relative length is not defined.
      EXPECT_TRUE(
          std::isnan(value_at(one, "moved", {row_of(one, "component", "0_mlp_out"), token})));
      for (std::int64_t layer = 0; layer < 2; ++layer)
        EXPECT_EQ(value_at(one, "stream_moved", {layer, token}), 0);
      EXPECT_GT(value_at(one, "stream_moved", {2, token}), 0);
    }
    EXPECT_TRUE(one.receipts.front().passed) << one.receipts.front().value;
  }
  EXPECT_EQ(run.report.summaries.at("shift").attributes.at("most_moved"),
            Attribute(std::string("1_mlp_out")));
}

TEST(ComponentShift, OfTheComponentThatWritesTheAnswerExplainsTheChangeOfItsLogit) {
  const auto run = run_planted("t3");
  for (const Dataset& one : run.saved("component_shift"))
    for (std::int64_t token = 0; token < one.dim("token"); ++token) {
      EXPECT_NEAR(value_at(one, "logit_change", {token}), .5, 1e-5);
      for (const std::string& part : one["part"].strings)
        EXPECT_NEAR(value_at(one, "change_explained", {row_of(one, "part", part), token}),
                    part == "1_mlp_out" ? .5 : 0, 1e-5)
            << part;
    }
  EXPECT_EQ(run.report.summaries.at("shift").attributes.at("explains_most"),
            Attribute(std::string("1_mlp_out")));
}

TEST(ComponentShift, DoesNotExplainALogitThatDidNotChange) {
  for (const Dataset& one : run_planted("t2").saved("component_shift"))
    EXPECT_NEAR(one["change_explained"].tensor.abs().max().item<double>(), 0, 1e-5);
}

TEST(ComponentShift, IsThatOfTheStreamsAndLogitsOfBothModels) {
  const auto run =
      run_experiment(kModelComparison, testing::kModel, testing::prompts_with_a_broken_one(),
                     {{"other", kEarlierStep}, {"target", " Jacob"}});
  const std::shared_ptr<const Model> models[] = {Model::open(testing::kModel),
                                                 Model::open(kEarlierStep)};
  const std::int64_t target = to_single_token(*models[0], " Jacob");
  SummaryCheck::Columns moved(7), changes(1);
  for (const Dataset& one : run.saved("component_shift")) {
    std::vector<std::int64_t> text;
    for (std::int64_t token = 0; token < one.dim("token"); ++token)
      text.push_back(static_cast<std::int64_t>(value_at(one, "input_id", {token})));
    at::Tensor logits[2];
    std::vector<at::Tensor> streams[2];
    for (std::size_t m = 0; m < 2; ++m) {
      const Tokens tokens = tokens_from_ids(*models[m], text);
      logits[m] =
          models[m]->forward(make_batch(tokens)).logits[0].select(-1, target).to(at::kDouble);
      for (std::int64_t layer = 0; layer < 7; ++layer) {
        ForwardOptions options{.logits = ForwardOptions::Logits::none};
        options.stop_at_layer = layer;
        streams[m].push_back(
            models[m]->forward(make_batch(tokens), options).residual[0].to(at::kDouble));
      }
    }
    const at::Tensor change = logits[0] - logits[1];
    for (std::int64_t token = 0; token < one.dim("token"); ++token)
      // Logits reach 30; both sums round in float32.
      EXPECT_NEAR(value_at(one, "logit_change", {token}), change[token].item<double>(), 2e-4);
    EXPECT_LT((one["change_explained"].tensor.sum(0) - one["logit_change"].tensor)
                  .abs()
                  .max()
                  .item<double>(),
              1e-9);
    for (std::int64_t layer = 0; layer < 7; ++layer) {
      const auto l = static_cast<std::size_t>(layer);
      const at::Tensor of_layer =
          (streams[0][l] - streams[1][l]).norm(2, -1) / streams[1][l].norm(2, -1);
      for (std::int64_t token = 0; token < one.dim("token"); ++token)
        EXPECT_NEAR(value_at(one, "stream_moved", {layer, token}), of_layer[token].item<double>(),
                    1e-5);
      moved[l].push_back(one["stream_moved"].tensor[layer].mean().item<double>());
    }
    changes[0].push_back(value_at(one, "logit_change", {one.dim("token") - 1}));
    EXPECT_TRUE(one.receipts.front().passed) << one.receipts.front().value;
  }
  const Dataset& table = run.report.summaries.at("shift");
  SummaryCheck check(table);
  check.describes("stream_moved", {"layer"}, moved);
  check.describes("logit_change", {}, changes);
}

TEST(ComponentShift, OfAModelAgainstItselfIsNothing) {
  const auto run = run_experiment(kModelComparison, testing::kModel,
                                  {{"a", "And God said", {}, {}}}, {{"other", testing::kModel}});
  const Dataset one = run.saved("component_shift").front();
  EXPECT_EQ(one["moved"].tensor.abs().max().item<double>(), 0);
  EXPECT_EQ(one["change_explained"].tensor.abs().max().item<double>(), 0);
  EXPECT_NEAR(one["stream_cosine"].tensor.min().item<double>(), 1, 1e-12);
}

TEST(ComponentShift, IsLeftOutWithItsReasonWhereTheModelsDifferInShape) {
  const testing::TempDir folder;
  testing::biased_model(1.0, 2).write(folder / "two");
  testing::biased_model(1.0, 3).write(folder / "three");
  const std::vector<CaseInput> cases = {{"a", "t0 t1", {}, {}}};
  const auto run = run_experiment(kModelComparison, folder / "two", cases,
                                  {{"other", (folder / "three").string()}, {"top_k", "2"}});
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  EXPECT_EQ(run.saved("comparison").front().attributes.at("components"),
            Attribute(std::string("not compared: it has 3 blocks, expected 2")));
  EXPECT_EQ(run.report.summaries.count("shift"), 0u);
}

// The first stream of such a model is what the tower merged into the embeddings.
TEST(ComponentShift, ReadsAModelWithAVisionTower) {
  const auto run =
      run_experiment(kModelComparison, testing::picture_model(), {{"a", {}, {1, 2, 3, 4}, {}}},
                     {{"other", testing::picture_model()}});
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  const Dataset shift = run.saved("component_shift").front();
  EXPECT_EQ(shift["moved"].tensor.abs().max().item<double>(), 0.0);
  EXPECT_TRUE(shift.receipts.front().passed) << shift.receipts.front().value;
}

}  // namespace
}  // namespace lensbench
