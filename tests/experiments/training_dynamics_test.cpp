#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/changed_checkpoint.hpp"
#include "support/embedded_model.hpp"
#include "support/planted_attention.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// Two planted models as moments of one training, whose predictions are known by hand, and two
// moments of the embedded model, whose summary is computed again by plain loops.

namespace lensbench {
namespace {

using ::testing::AllOf;
using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

const std::string kTraining = "training_dynamics";
const std::string kStep100 = testing::kModel + "/checkpoints/step-100";

TEST(TrainingDynamics, OfPlantedModelsIsKnownByHand) {
  // Logit 1 for the token that followed the earlier copy at step 10, logit 2 at step 20; all other
  // 10 logits are 0. Without a copy all logits are 0.
  const testing::TempDir folder;
  testing::induction_model(10, 21, 1).write(folder / "step-10");
  testing::induction_model(10, 21, 2).write(folder / "step-20");
  const std::vector<CaseInput> cases = {{"a", "S t1 t2 t3 t1", {}, {{"target", "t2"}}},
                                        {"b", "S t4 t5 t6 t4", {}, {{"target", "t5"}}}};
  const auto run = run_experiment(
      kTraining, folder / "step-20", cases,
      {{"checkpoints", (folder / "step-10").string()}, {"length", "10"}, {"start", "S"}});
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  const Dataset one = run.saved("dynamics").front();
  EXPECT_EQ(one["checkpoint"].strings, (std::vector<std::string>{"step-10", "step-20"}));
  const double blind = std::log(11.0);
  for (std::int64_t k = 0; k < 2; ++k) {
    EXPECT_EQ(value_at(one, "step", {k}), 10 * (k + 1));
    const double logit = static_cast<double>(k + 1);
    const double found = std::log(std::exp(logit) + 10) - logit;
    EXPECT_NEAR(value_at(one, "target_log_probability", {k, 2, 4}), -found, 1e-5);
    EXPECT_NEAR(value_at(one, "target_log_probability", {k, 2, 3}), -blind, 1e-5);
    EXPECT_NEAR(value_at(one, "target_log_probability", {k, 1, 4}), -blind, 1e-5);
    // Five tokens follow; one of them is found.
    EXPECT_NEAR(value_at(one, "loss", {k}), (4 * blind + found) / 5, 1e-5);
    for (std::int64_t block = 0; block < 2; ++block)
      EXPECT_NEAR(value_at(one, "loss_increase", {k, block}), (blind - found) / 5, 1e-5);
    EXPECT_NEAR(value_at(one, "induction_score", {k, 1, 0}), 1, 1e-6);
    EXPECT_NEAR(value_at(one, "previous_token_score", {k, 0, 0}), 1, 1e-6);
    EXPECT_NEAR(value_at(one, "induction_score", {k, 0, 0}), 0, 1e-6);
  }
  EXPECT_EQ(value_at(one, "target_id", {4}), 2);
  const Dataset& table = run.report.summaries.at("training");
  for (std::int64_t k = 0; k < 2; ++k) {
    // All of the divergence from the embedding falls in block 1, which is the last.
    EXPECT_NEAR(value_at(table, "kl_share", {k, 0}), 0, 1e-5);
    EXPECT_NEAR(value_at(table, "kl_share", {k, 1}), 1, 1e-5);
    EXPECT_EQ(value_at(table, "stall", {k, 0}), 1);
    EXPECT_EQ(value_at(table, "stall", {k, 1}), 0);
    EXPECT_TRUE(std::isnan(value_at(table, "bottleneck_share", {k, 1})));
  }
  EXPECT_EQ(table["block_place"].strings, (std::vector<std::string>{"first", "last"}));
}

class EmbeddedTraining : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto cases = testing::prompts_with_a_broken_one();
    cases.pop_back();
    cases[0].fields["target"] = " saying";
    run_ = new ExperimentRun(
        run_experiment(kTraining, testing::kModel, cases,
                       {{"checkpoints", kStep100}, {"steps", "100,1713"}, {"length", "12"}}, 4));
  }
  static void TearDownTestSuite() { delete run_; }

  /// Values of an element of a variable of each case, at its last token where it has tokens.
  static Values over_cases(const std::string& name, const std::vector<std::int64_t>& element) {
    Values values;
    for (const Dataset& one : run_->saved("dynamics")) {
      auto index = element;
      if (one[name].dims.back() == "token") index.push_back(one.dim("token") - 1);
      values.push_back(value_at(one, name, index));
    }
    return values;
  }

  static SummaryCheck::Columns columns(const std::string& name,
                                       const std::vector<std::int64_t>& sizes) {
    SummaryCheck::Columns all;
    std::vector<std::int64_t> element(sizes.size(), 0);
    for (;;) {
      all.push_back(over_cases(name, element));
      std::size_t axis = sizes.size();
      while (axis > 0 && ++element[axis - 1] == sizes[axis - 1]) element[--axis] = 0;
      if (axis == 0) return all;
    }
  }
  static inline ExperimentRun* run_ = nullptr;
};

TEST_F(EmbeddedTraining, ReadsEveryCheckpointOnTheSameTokens) {
  ASSERT_EQ(run_->report.failures.size(), 1u);  // the broken one
  const Dataset one = run_->saved("dynamics").front();
  const auto final_model = Model::open(testing::kModel);
  const std::int64_t n = one.dim("token");
  EXPECT_EQ(value_at(one, "target_id", {n - 1}), to_single_token(*final_model, " saying"));
  std::int64_t k = 0;
  for (const auto& path : {kStep100, testing::kModel}) {
    const auto model = Model::open(path);
    const Tokens tokens = to_tokens(*model, "And the LORD spake unto Moses,");
    const at::Tensor log_p =
        model->forward(make_batch(tokens)).logits[0].to(at::kDouble).log_softmax(-1);
    for (std::int64_t token = 0; token < n; ++token) {
      const auto target = static_cast<std::int64_t>(value_at(one, "target_id", {token}));
      if (token + 1 < n) {
        EXPECT_EQ(target, tokens.ids[static_cast<std::size_t>(token + 1)]);
      }
      const double expected = log_p[token][target].item<double>();
      EXPECT_NEAR(value_at(one, "target_log_probability", {k, 6, token}), expected, 1e-4);
      EXPECT_EQ(value_at(one, "target_rank", {k, 6, token}),
                1 + log_p[token].gt(log_p[token][target]).sum().item<std::int64_t>());
    }
    ++k;
  }
}

TEST_F(EmbeddedTraining, FindsWhenATargetStaysFirst) {
  int emerged = 0, never = 0;
  for (const Dataset& one : run_->saved("dynamics"))
    for (std::int64_t layer = 0; layer < 7; ++layer)
      for (std::int64_t token = 0; token < one.dim("token"); ++token) {
        const bool early = value_at(one, "target_rank", {0, layer, token}) == 1;
        const bool late = value_at(one, "target_rank", {1, layer, token}) == 1;
        EXPECT_EQ(value_at(one, "emergence_checkpoint", {layer, token}), !late   ? -1
                                                                         : early ? 0
                                                                                 : 1);
        (late ? emerged : never) += 1;
      }
  EXPECT_GT(emerged, 0);
  EXPECT_GT(never, 0);
}

TEST_F(EmbeddedTraining, SumsUpOverCasesAtTheLastToken) {
  const Dataset& table = run_->report.summaries.at("training");
  SummaryCheck check(table);
  check.describes("target_log_probability", {"checkpoint", "layer"},
                  columns("target_log_probability", {2, 7}));
  check.describes("target_rank", {"checkpoint", "layer"}, columns("target_rank", {2, 7}));
  check.describes("settled_layer", {"checkpoint"}, columns("settled_layer", {2}));
  check.describes("loss", {"checkpoint"}, columns("loss", {2}));
  check.describes("loss_increase", {"checkpoint", "block"}, columns("loss_increase", {2, 6}));
  check.describes("induction_score", {"checkpoint", "block", "head"},
                  columns("induction_score", {2, 6, 4}));
  check.describes("previous_token_score", {"checkpoint", "block", "head"},
                  columns("previous_token_score", {2, 6, 4}));
  Values emerged;
  for (std::int64_t k = 0; k < 2; ++k)
    for (std::int64_t layer = 0; layer < 7; ++layer) {
      double count = 0;
      for (const double first : over_cases("emergence_checkpoint", {layer}))
        count += first >= 0 && first <= static_cast<double>(k) ? 1 : 0;
      emerged.push_back(count / 4);
    }
  check.equals("emerged_share", {"checkpoint", "layer"}, emerged);
}

/// Sums over cases, mean over tokens of a case, by checkpoint: both rankings of the blocks.
struct Rankings {
  std::vector<Values> increase, fall;  ///< [checkpoint][block]
};

Rankings rankings_of(const std::vector<Dataset>& all, const std::vector<std::size_t>& cases) {
  Rankings result{std::vector<Values>(2, Values(6, 0.0)), std::vector<Values>(2)};
  for (std::int64_t k = 0; k < 2; ++k) {
    Values kl(7, 0.0);
    for (const std::size_t i : cases) {
      const Dataset& one = all[i];
      for (std::int64_t block = 0; block < 6; ++block)
        result.increase[static_cast<std::size_t>(k)][static_cast<std::size_t>(block)] +=
            value_at(one, "loss_increase", {k, block});
      for (std::int64_t layer = 0; layer < 7; ++layer)
        for (std::int64_t token = 0; token < one.dim("token"); ++token)
          kl[static_cast<std::size_t>(layer)] +=
              value_at(one, "kl_final_to_layer", {k, layer, token}) /
              static_cast<double>(one.dim("token"));
    }
    for (std::size_t block = 0; block < 6; ++block)
      result.fall[static_cast<std::size_t>(k)].push_back((kl[block] - kl[block + 1]) / kl[0]);
  }
  return result;
}

/// The block between the first and the last with the largest value: the first fifth of four.
std::size_t largest_between(const Values& values) {
  return static_cast<std::size_t>(std::max_element(values.begin() + 1, values.end() - 1) -
                                  values.begin());
}

TEST_F(EmbeddedTraining, CallsABlockABottleneckByBothRankings) {
  const auto all = run_->saved("dynamics");
  const Dataset& table = run_->report.summaries.at("training");
  const Rankings whole = rankings_of(all, {0, 1, 2, 3});
  for (std::int64_t k = 0; k < 2; ++k) {
    const auto checkpoint = static_cast<std::size_t>(k);
    Values shares(6, 0.0);
    std::vector<std::vector<double>> falls(6);
    for (std::size_t sample = 0; sample < 256; ++sample) {
      const Rankings one =
          rankings_of(all, {sample % 4, sample / 4 % 4, sample / 16 % 4, sample / 64});
      const auto first = largest_between(one.increase[checkpoint]);
      if (first == largest_between(one.fall[checkpoint]) && one.increase[checkpoint][first] > 0 &&
          one.fall[checkpoint][first] > 0)
        shares[first] += 1.0 / 256;
      for (std::size_t block = 0; block < 6; ++block)
        falls[block].push_back(one.fall[checkpoint][block]);
    }
    for (std::int64_t block = 0; block < 6; ++block) {
      const auto b = static_cast<std::size_t>(block);
      EXPECT_NEAR(value_at(table, "kl_share", {k, block}), whole.fall[checkpoint][b], 1e-6);
      EXPECT_EQ(value_at(table, "stall", {k, block}), whole.fall[checkpoint][b] < 0.01 ? 1 : 0);
      const double found = value_at(table, "bottleneck_share", {k, block});
      if (block == 0 || block == 5) {
        EXPECT_TRUE(std::isnan(found));
      } else {
        // Four standard errors of a share in 10,000 samples, and ties of float32 numbers.
        EXPECT_NEAR(found, shares[b], 4 * std::sqrt(shares[b] * (1 - shares[b]) / 10000) + 1e-12);
      }
    }
  }
}

TEST(TrainingDynamics, TakesTheMomentsInTheFolderOfTheModelByDefault) {
  const auto run =
      run_experiment(kTraining, testing::kModel, {{"a", "In the", {}, {}}}, {{"length", "5"}});
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  const Dataset one = run.saved("dynamics").front();
  EXPECT_EQ(one["checkpoint"].strings,
            (std::vector<std::string>{"step-0", "step-100", "step-400", "step-1200", "kjv-gpt2"}));
  const Values steps = {0, 100, 400, 1200, -1};
  for (std::int64_t k = 0; k < 5; ++k)
    EXPECT_EQ(value_at(one, "step", {k}), steps[static_cast<std::size_t>(k)]);
  // The archive has no other record of checkpoints that no parameter names.
  EXPECT_EQ(std::get<std::string>(one.attributes.at("checkpoint_4")), "step-1200");
  EXPECT_EQ(std::get<std::string>(one.attributes.at("checkpoint_4_sha256")).size(), 64u);
  EXPECT_FALSE(one.attributes.contains("checkpoint_5"));
}

TEST(TrainingDynamics, NeedsEarlierMoments) {
  const testing::TempDir folder;
  testing::induction_model(10, 21, 1).write(folder / "model");
  const auto run = run_experiment(kTraining, folder / "model", {{"a", "S t1 t2", {}, {}}});
  ASSERT_FALSE(run.report.failures.empty());
  EXPECT_THAT(run.report.failures.front().message,
              AllOf(HasSubstr("the model has no folders such as"), HasSubstr("step-400"),
                    HasSubstr("give at least one earlier moment")));
}

std::string training_failure(const Settings& set) {
  const auto run = run_experiment(kTraining, testing::kModel,
                                  {{"a", "And God said", {}, {}}, {"b", "In the", {}, {}}}, set);
  EXPECT_EQ(run.report.completed.size(), 0u);
  EXPECT_THAT(run.report.exit_code(), ::testing::AnyOf(2, 3));
  return run.report.failures.empty() ? "" : run.report.failures.front().message;
}

TEST(TrainingDynamics, RefusesCheckpointsOfAnotherModel) {
  EXPECT_THAT(training_failure({{"checkpoints", testing::data_folder() + "/models/gpt2"}}),
              AllOf(HasSubstr("is not a moment of the training"), HasSubstr("expected 6"),
                    HasSubstr("give checkpoints of one training run")));
  const testing::TempDir folder;
  testing::previous_token_model().write(folder.path());
  EXPECT_THAT(training_failure({{"checkpoints", folder.path().string()}}),
              HasSubstr("its family is opt, expected gpt2"));
}

TEST(TrainingDynamics, RefusesCheckpointsWithAnotherTokenizer) {
  const testing::TempDir folder;
  std::filesystem::copy(kStep100, folder / "step-100");
  std::string text = testing::slurp(folder / "step-100" / "tokenizer.json");
  auto tokenizer = nlohmann::json::parse(text);
  auto& vocabulary = tokenizer["model"]["vocab"];
  const std::string first = "!", second = "\"";
  const std::int64_t id = vocabulary[first];
  vocabulary[first] = vocabulary[second];
  vocabulary[second] = id;
  std::filesystem::remove(folder / "step-100" / "tokenizer.json");
  std::ofstream(folder / "step-100" / "tokenizer.json") << tokenizer.dump();
  EXPECT_THAT(training_failure({{"checkpoints", (folder / "step-100").string()}}),
              AllOf(HasSubstr("token " + std::to_string(id) + " of its tokenizer is"),
                    HasSubstr("expected '!'")));
}

TEST(TrainingDynamics, RefusesStepsThatDoNotFit) {
  EXPECT_THAT(training_failure({{"checkpoints", kStep100}, {"steps", "100"}}),
              HasSubstr("found 1 numbers, expected 2"));
  EXPECT_THAT(
      training_failure({{"checkpoints", kStep100 + "," + testing::kModel + "/checkpoints/step-0"}}),
      AllOf(HasSubstr("'step-0' is of step 0 but comes after step 100"),
            HasSubstr("in the order of training")));
}

}  // namespace
}  // namespace lensbench
