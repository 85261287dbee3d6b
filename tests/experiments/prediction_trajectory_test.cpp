#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "experiments/experiment_run.hpp"
#include "experiments/handmade_summary.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

// Every variable of the summary against plain loops over what the cases saved. The summary follows
// one position of each prompt: the last one, or the last masked one.

namespace lensbench {
namespace {

using testing::ExperimentRun;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

/// Position that is followed.
std::int64_t followed(const Dataset& lens) {
  std::int64_t position = lens.dim("token") - 1;
  if (!lens.contains("masked")) return position;
  while (value_at(lens, "masked", {position}) == 0) --position;
  return position;
}

/// Columns of a variable [layer, token] by layer, at the followed position of each case.
SummaryCheck::Columns by_layer(const std::vector<Dataset>& cases, const std::string& name) {
  SummaryCheck::Columns columns;
  for (std::int64_t layer = 0; layer < cases.front().dim("layer"); ++layer) {
    columns.emplace_back();
    for (const Dataset& lens : cases)
      columns.back().push_back(value_at(lens, name, {layer, followed(lens)}));
  }
  return columns;
}

/// Share of the cases that, from each layer on, have the last layer's first choice as theirs.
Values settled_shares(const std::vector<Dataset>& cases) {
  const std::int64_t layers = cases.front().dim("layer");
  Values shares;
  for (std::int64_t from = 0; from < layers; ++from) {
    double settled = 0;
    for (const Dataset& lens : cases) {
      const double answer = value_at(lens, "top_id", {layers - 1, followed(lens), 0});
      bool stays = true;
      for (std::int64_t layer = from; layer < layers; ++layer)
        stays = stays && value_at(lens, "top_id", {layer, followed(lens), 0}) == answer;
      settled += stays ? 1 : 0;
    }
    shares.push_back(settled / static_cast<double>(cases.size()));
  }
  return shares;
}

void expect_trajectory(const ExperimentRun& run, const Values& layers,
                       const std::vector<std::string>& labels) {
  const auto cases = run.saved("lens");
  const Dataset& trajectory = run.report.summaries.at("trajectory");
  SummaryCheck check(trajectory);
  check.equals("layer", {"layer"}, layers);
  check.equals("layer_label", {"layer"}, labels);
  check.equals("quantile", {"quantile"}, Values{0.25, 0.5, 0.75});
  check.equals("bound", {"bound"}, std::vector<std::string>{"low", "high"});
  for (const char* name : {"entropy", "kl_final_to_layer", "target_probability", "target_rank"})
    check.describes(name, {"layer"}, by_layer(cases, name));
  check.equals("settled_share", {"layer"}, settled_shares(cases));
  check.has_nothing_else();
  EXPECT_EQ(trajectory.attributes.at("cases"), Attribute(std::ssize(cases)));
}

TEST(PredictionTrajectory, DescribesTheLastPositionOfEveryCaseThatRan) {
  const auto run = run_experiment("prediction_trajectory", testing::kModel,
                                  testing::prompts_with_a_broken_one());
  ASSERT_EQ(run.report.completed, (std::vector<std::int64_t>{0, 1, 3, 4, 5}));
  expect_trajectory(run, {0, 1, 2, 3, 4, 5, 6},
                    {"embed", "0_resid_post", "1_resid_post", "2_resid_post", "3_resid_post",
                     "4_resid_post", "5_resid_post"});
  EXPECT_EQ(run.report.summaries.at("trajectory").attributes.at("position"),
            Attribute(std::string("last")));
}

/// The BERT sample with a vocabulary of 61 tokens, of which the mask is number 4.
class PredictionTrajectoryOfEncoder : public ::testing::Test {
 protected:
  PredictionTrajectoryOfEncoder() {
    for (const char* file : {"config.json", "model.safetensors"})
      std::filesystem::copy_file(
          std::filesystem::path(testing::data_folder()) / "models" / "bert" / file, model / file);
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    for (int id = 5; id < 61; ++id) vocabulary += "word" + std::to_string(id) + "\n";
    model.write("vocab.txt", vocabulary);
  }

  testing::TempDir model;
};

TEST_F(PredictionTrajectoryOfEncoder, DescribesTheLastMaskedPosition) {
  // No last position is masked.
  const auto run = run_experiment("prediction_trajectory", model.path(),
                                  {{"a", "", {2, 9, 4, 11, 4, 12, 3}, {}},
                                   {"b", "", {2, 4, 17, 3}, {}},
                                   {"c", "", {2, 8, 8, 4, 21, 22, 23, 3}, {}}});
  ASSERT_EQ(run.report.completed.size(), 3u) << run.report.failures.front().message;
  expect_trajectory(run, {0, 1, 2}, {"embed", "0_resid_post", "1_resid_post"});
  EXPECT_EQ(run.report.summaries.at("trajectory").attributes.at("position"),
            Attribute(std::string("last masked")));
}

TEST(PredictionTrajectory, FollowsTheTargetOfEachCase) {
  auto cases = testing::prompts_with_a_broken_one();
  cases[0].fields["target"] = "7";
  const auto run = run_experiment("prediction_trajectory", testing::kModel, cases,
                                  {{"target", "11"}, {"top_k", "3"}});
  const auto lenses = run.saved("lens");
  for (std::size_t i = 0; i < lenses.size(); ++i) {
    EXPECT_EQ(value_at(lenses[i], "target_id", {followed(lenses[i])}), i == 0 ? 7 : 11);
    EXPECT_EQ(lenses[i].dim("rank"), 3);
  }
}

TEST(PredictionTrajectory, HasNoSummaryWithoutTheStreamAfterEachLayer) {
  const auto run =
      run_experiment("prediction_trajectory", testing::kModel, {{"a", "And God said", {}, {}}},
                     {{"points", "attn_out,mlp_out"}});
  EXPECT_EQ(run.report.completed.size(), 1u);
  EXPECT_TRUE(run.report.summaries.empty());
}

TEST_F(PredictionTrajectoryOfEncoder, FailsACaseThatHasNothingMasked) {
  const auto run =
      run_experiment("prediction_trajectory", model.path(), {{"a", "", {2, 9, 11, 3}, {}}});
  ASSERT_EQ(run.report.failures.size(), 1u);
  EXPECT_EQ(run.report.failures.front().exit_code, 2);
  EXPECT_TRUE(run.report.summaries.empty());
}

/// One case of three layers and one token: only where it settled matters.
Dataset lens_that_settled_at(std::int64_t layer) {
  Dataset lens;
  add_token_axis(lens, {5}, {"x"});
  add_layer_axis(lens, 2);
  for (const char* name : {"entropy", "kl_final_to_layer", "target_probability", "target_rank"})
    lens.add(name, {"layer", "token"}, at::tensor({1.0, 2.0, 3.0}).reshape({3, 1}), "1", "");
  lens.add("settled_layer", {"token"}, at::tensor({layer}), "1", "");
  return lens;
}

TEST(PredictionTrajectory, CountsACaseThatNeverSettledNowhere) {
  testing::HandmadeSummary summary("lens", {lens_that_settled_at(-1), lens_that_settled_at(1),
                                            lens_that_settled_at(2), lens_that_settled_at(-1)});
  testing::finish_experiment("prediction_trajectory", summary);
  SummaryCheck(summary.saved.at("trajectory"))
      .equals("settled_share", {"layer"}, Values{0, 0.25, 0.5});
}

}  // namespace
}  // namespace lensbench
