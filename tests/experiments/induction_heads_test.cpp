#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/planted_attention.hpp"
#include "support/temp_dir.hpp"

// A model with one planted induction head, whose losses are known by hand, and the embedded model,
// whose scores are computed again from its patterns by the identity of tokens.

namespace lensbench {
namespace {

using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

const std::string kInduction = "induction_heads";

ExperimentRun run_on(const std::string& model, const Settings& set, std::int64_t cases = 1) {
  std::vector<CaseInput> inputs;
  for (std::int64_t i = 0; i < cases; ++i)
    inputs.push_back({"case-" + std::to_string(i), "", {1}, {}});
  return run_experiment(kInduction, model, inputs, set);
}

class PlantedInduction : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::TempDir folder;
    testing::induction_model(10, 21, kLogit).write(folder.path());
    run_ = new ExperimentRun(run_on(
        folder.path(), {{"length", "10"}, {"start", "S"}, {"sequences", "8"}, {"draws", "5"}}));
  }
  static void TearDownTestSuite() { delete run_; }

  static const Dataset& table() { return run_->report.summaries.at("induction"); }
  static constexpr double kLogit = 2;
  /// Losses of a token that nothing announces, and of one that the head finds: 11 tokens, one of
  /// which has the logit 2 and all others 0.
  static double blind() { return std::log(11.0); }
  static double found() { return std::log(std::exp(kLogit) + 10) - kLogit; }
  static inline ExperimentRun* run_ = nullptr;
};

TEST_F(PlantedInduction, IsTheOnlyHeadThatIsFound) {
  EXPECT_EQ(run_->report.failures.size(), 0u);
  EXPECT_EQ(std::get<std::string>(table().attributes.at("finding")), "1 induction head: L1H0");
  EXPECT_EQ(table()["is_induction_head"].tensor.sum().item<std::int64_t>(), 1);
  EXPECT_EQ(value_at(table(), "is_induction_head", {1, 0}), 1);
  EXPECT_EQ(table()["best_head"].strings.front(), "L1H0");
}

// The heads are the same for all cases of the second pass, and the summary reads all variables at
// once, so the cost of a case does not grow with their number.
TEST(InductionHeads, ReadsACaseAsOftenHoweverManyThereAre) {
  const testing::TempDir folder;
  testing::induction_model(10, 21, 2).write(folder.path());
  for (const std::int64_t cases : {2, 4}) {
    const ExperimentRun run =
        run_on(folder.path(),
               {{"length", "10"}, {"start", "S"}, {"sequences", "4"}, {"draws", "1"}}, cases);
    ASSERT_EQ(run.report.completed.size(), static_cast<std::size_t>(cases));
    EXPECT_EQ(run.most_reads("sequences"), 3)
        << "for the choice of heads, for the ablation of its own case, for the summary";
    EXPECT_EQ(run.most_reads("ablation"), 1);
  }
}

TEST_F(PlantedInduction, HasTheScoresOfItsConstruction) {
  // Scores: 1 for what a head is made for; a head that attends equally to all q + 1 keys has
  // 1 / (q + 1) on one of them, with q from 11 to 20 in the second copy.
  double equal = 0;
  for (int q = 11; q <= 20; ++q) equal += 1.0 / (q + 1) / 10;
  const int previous = 0, duplicate = 1, induction = 2;
  EXPECT_NEAR(value_at(table(), "score_mean", {induction, 1, 0}), 1, 1e-6);
  EXPECT_NEAR(value_at(table(), "score_mean", {previous, 0, 0}), 1, 1e-6);
  EXPECT_NEAR(value_at(table(), "score_mean", {induction, 0, 0}), 0, 1e-6);
  EXPECT_NEAR(value_at(table(), "score_mean", {duplicate, 1, 0}), 0, 1e-6);
  for (const int detector : {previous, duplicate, induction})
    for (const int block : {0, 1})
      EXPECT_NEAR(value_at(table(), "score_mean", {detector, block, 1}), equal, 1e-6);
}

TEST_F(PlantedInduction, LowersTheLossFromTheSecondTokenOfTheSecondCopyOn) {
  EXPECT_TRUE(std::isnan(value_at(table(), "loss_mean", {0})));
  for (std::int64_t place = 1; place <= 20; ++place)
    EXPECT_NEAR(value_at(table(), "loss_mean", {place}), place <= 11 ? blind() : found(), 1e-5)
        << place;
  EXPECT_NEAR(value_at(table(), "repeat_gain_mean", {}), blind() - found(), 1e-5);
}

TEST_F(PlantedInduction, IsNeededAndItsNeighbourIsNot) {
  // At its mean the head writes the same everywhere, and both copies have the same tokens: the gain
  // becomes 0. The other head of the block writes nothing.
  EXPECT_NEAR(value_at(table(), "ablation_effect_mean", {}), found() - blind(), 1e-5);
  EXPECT_NEAR(value_at(table(), "random_effect_mean", {}), 0, 1e-5);
  EXPECT_NEAR(value_at(table(), "ablation_effect_difference", {}), found() - blind(), 1e-5);
  EXPECT_EQ(value_at(table(), "ablation_effect_p", {}), 2.0 / 16);  // 4 sequences, all alike
}

TEST_F(PlantedInduction, ReadsThePreviousTokenHeadThroughItsKeys) {
  const auto& pairs = table()["pair"].strings;
  ASSERT_THAT(pairs, ::testing::Contains("L0H0 > L1H0"));
  const auto place = std::find(pairs.begin(), pairs.end(), "L0H0 > L1H0") - pairs.begin();
  EXPECT_GT(value_at(table(), "k_composition", {place}), 0.1);
  // All other pairs have a head that writes nothing, or the same head as the receiver's.
  EXPECT_NEAR(value_at(table(), "mean_k_composition", {}),
              value_at(table(), "k_composition", {place}), 1e-9);
}

TEST_F(PlantedInduction, IsScoredOnSequencesThatRepeatAndShuffle) {
  const Dataset sequences = run_->saved("sequences").front();
  std::set<std::vector<double>> different;
  for (std::int64_t s = 0; s < 8; ++s) {
    std::set<double> once;
    std::vector<double> ids;
    EXPECT_EQ(value_at(sequences, "sequence_id", {s, 0}), 0);  // S
    for (std::int64_t place = 1; place <= 10; ++place) {
      ids.push_back(value_at(sequences, "sequence_id", {s, place}));
      EXPECT_EQ(ids.back(), value_at(sequences, "sequence_id", {s, place + 10}));
      EXPECT_NE(ids.back(), 0);
      once.insert(ids.back());
    }
    EXPECT_EQ(once.size(), 10u);
    different.insert(ids);
  }
  EXPECT_EQ(different.size(), 8u);
}

TEST(InductionHeads, OfAnUntrainedModelAreNotFound) {
  const auto run = run_on(testing::kModel + "/checkpoints/step-0",
                          {{"sequences", "12"}, {"length", "12"}, {"draws", "2"}});
  const Dataset& table = run.report.summaries.at("induction");
  EXPECT_THAT(std::get<std::string>(table.attributes.at("finding")), HasSubstr("none found"));
  EXPECT_EQ(table["is_induction_head"].tensor.sum().item<std::int64_t>(), 0);
  EXPECT_TRUE(std::isnan(value_at(table, "ablation_effect_mean", {})));
  EXPECT_FALSE(table.contains("k_composition"));
}

/// Induction scores of all heads by the identity of tokens, [block][head].
std::vector<Values> scores_by_tokens(const Model& model, const std::vector<std::int64_t>& ids,
                                     std::int64_t first_query) {
  std::vector<Values> scores;
  Hooks hooks;
  hooks.read("blocks.*.attn.hook_pattern", [&](const at::Tensor& pattern, const HookPoint&) {
    Values heads;
    for (std::int64_t head = 0; head < pattern.size(1); ++head) {
      double sum = 0;
      const auto n = static_cast<std::int64_t>(ids.size());
      for (std::int64_t query = first_query; query < n; ++query)
        for (std::int64_t key = 1; key <= query; ++key)
          if (ids[static_cast<std::size_t>(key - 1)] == ids[static_cast<std::size_t>(query)] &&
              key - 1 < query)
            sum += pattern[0][head][query][key].item<double>();
      heads.push_back(sum / static_cast<double>(n - first_query));
    }
    scores.push_back(heads);
  });
  model.forward(make_batch(tokens_from_ids(model, ids)), {}, hooks);
  return scores;
}

TEST(InductionHeads, AreScoredAndSummedUpAsDefined) {
  const auto run =
      run_on(testing::kModel, {{"sequences", "4"}, {"length", "8"}, {"repeats", "3"}}, 2);
  const auto model = Model::open(testing::kModel);
  SummaryCheck::Columns scores(6 * 4), losses(25);
  SummaryCheck::Columns gains(1);
  for (const Dataset& one : run.saved("sequences"))
    for (std::int64_t s = 2; s < 4; ++s) {  // the half that measures
      std::vector<std::int64_t> ids;
      for (std::int64_t place = 0; place < 25; ++place)
        ids.push_back(static_cast<std::int64_t>(value_at(one, "sequence_id", {s, place})));
      const auto expected = scores_by_tokens(*model, ids, 9);
      for (std::size_t block = 0; block < 6; ++block)
        for (std::size_t head = 0; head < 4; ++head) {
          const double found =
              value_at(one, "score",
                       {s, 2, static_cast<std::int64_t>(block), static_cast<std::int64_t>(head)});
          EXPECT_NEAR(found, expected[block][head], 1e-6);
          scores[block * 4 + head].push_back(found);
        }
      const at::Tensor log_p = model->forward(make_batch(tokens_from_ids(*model, ids)))
                                   .logits[0]
                                   .to(at::kDouble)
                                   .log_softmax(-1);
      Values copies[3];
      for (std::int64_t place = 1; place < 25; ++place) {
        const double loss = value_at(one, "loss", {s, place});
        EXPECT_NEAR(loss, -log_p[place - 1][ids[static_cast<std::size_t>(place)]].item<double>(),
                    1e-4);
        if ((place - 1) % 8 != 0) copies[(place - 1) / 8].push_back(loss);
      }
      for (std::int64_t place = 0; place < 25; ++place)
        losses[static_cast<std::size_t>(place)].push_back(value_at(one, "loss", {s, place}));
      copies[1].insert(copies[1].end(), copies[2].begin(), copies[2].end());
      gains[0].push_back(testing::reference::mean(copies[0]) - testing::reference::mean(copies[1]));
    }
  const Dataset& table = run.report.summaries.at("induction");
  SummaryCheck check(table);
  check.describes("loss", {"place"}, losses);
  check.describes("repeat_gain", {}, gains);
  for (std::int64_t block = 0; block < 6; ++block)
    for (std::int64_t head = 0; head < 4; ++head)
      EXPECT_NEAR(value_at(table, "score_mean", {2, block, head}),
                  testing::reference::mean(scores[static_cast<std::size_t>(block * 4 + head)]),
                  1e-12);
}

TEST(InductionHeads, RefuseLengthsTheModelDoesNotHave) {
  const auto long_run = run_on(testing::kModel, {{"length", "128"}});
  EXPECT_EQ(long_run.report.exit_code(), 2);
  EXPECT_THAT(long_run.report.failures.front().message, HasSubstr("need 257 positions"));
  const auto many = run_on(testing::kModel, {{"length", "5000"}});
  EXPECT_THAT(many.report.failures.front().message, HasSubstr("that are not special"));
}

}  // namespace
}  // namespace lensbench
