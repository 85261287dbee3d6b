#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "experiments/experiment_run.hpp"
#include "experiments/reference_statistics.hpp"
#include "support/embedded_model.hpp"
#include "support/planted_facts.hpp"
#include "support/results.hpp"
#include "support/temp_dir.hpp"

// A model that writes the label along one direction and reads it there, with values by hand, and
// the embedded model, whose numbers are computed again from runs of the model alone.

namespace lensbench {
namespace {

using ::testing::AllOf;
using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::value_at;
using testing::reference::Values;

const std::string kProbing = "probing";

// One block that copies 1.5 times the mean of the features of t0 and t1: with a label token and two
// others, the last position has 1.5 / 3 of the label's feature, which is its logit. So
// m = logit(t0) - logit(t1) is 0.5 with label `a` (t0) and -0.5 with label `b` (t1).
class PlantedProbing : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::TempDir folder;
    std::vector<std::vector<double>> copied(5, std::vector<double>(5, 0.0));
    copied[0][0] = copied[1][1] = 1.5;
    testing::linear_model(copied).write(folder.path());
    std::vector<CaseInput> cases;
    for (std::int64_t i = 0; i < 8; ++i)
      for (std::int64_t label = 0; label < 2; ++label)
        cases.push_back({std::to_string(i) + (label == 0 ? "a" : "b"),
                         {},
                         {label, 2 + i / 3, 2 + i % 3},
                         {{"label", label == 0 ? "a" : "b"}, {"group", std::to_string(i)}}});
    run_ = new ExperimentRun(run_experiment(kProbing, folder.path(), cases,
                                            {{"kind", "mean_difference"},
                                             {"folds", "2"},
                                             {"controls", "majority"},
                                             {"target", "0"},
                                             {"versus", "1"}}));
  }
  static void TearDownTestSuite() { delete run_; }

  static const Dataset& table() { return run_->report.summaries.at(kProbing); }
  static inline ExperimentRun* run_ = nullptr;
};

TEST_F(PlantedProbing, FitsOneHalfOfTheGroupsAndMeasuresTheOther) {
  ASSERT_EQ(run_->report.failures.size(), 0u) << run_->report.failures.front().message;
  for (std::int64_t number = 0; number < 16; ++number)
    EXPECT_EQ(run_->sink.committed.at(number).contains("measured"), number / 2 % 2 == 1) << number;
  EXPECT_TRUE(run_->sink.committed.at(0).contains("probe"));
  EXPECT_EQ(std::get<std::int64_t>(table().attributes.at("fitting_cases")), 8);
  EXPECT_EQ(std::get<std::int64_t>(table().attributes.at("measuring_cases")), 8);
  testing::expect_receipts_hold(table(), 2);
}

TEST_F(PlantedProbing, ReadsTheLabelWhereItIsWritten) {
  EXPECT_EQ(value_at(table(), "held_out_accuracy", {0}), 1.0);
  EXPECT_EQ(value_at(table(), "measured_accuracy"), 1.0);
  EXPECT_EQ(value_at(table(), "control_accuracy", {0, 0}), 0.5);
  // The features of both labels change by 0.5, each in a pair of coordinates.
  EXPECT_NEAR(value_at(run_->sink.committed.at(0).at("probe"), "label_distance"), 1.0, 1e-5);
}

TEST_F(PlantedProbing, MovesTheAnswerToThatOfTheOtherLabel) {
  EXPECT_NEAR(value_at(table(), "label_effect"), -1.0, 1e-5);
  EXPECT_NEAR(value_at(table(), "moved_effect"), -1.0, 1e-5);
  EXPECT_NEAR(value_at(table(), "recovered"), 1.0, 1e-5);
  EXPECT_NEAR(value_at(table(), "removed_share"), 1.0, 1e-5);
  for (std::int64_t draw = 0; draw < 5; ++draw) {
    EXPECT_LT(std::abs(value_at(table(), "random_recovered", {draw})), 0.99) << draw;
    EXPECT_LT(std::abs(value_at(table(), "random_removed_share", {draw})), 0.99) << draw;
  }
  EXPECT_THAT(std::get<std::string>(table().attributes.at("finding")),
              AllOf(HasSubstr("reads the label in 100 %"), HasSubstr("moving along it gives 100 %"),
                    HasSubstr("taking it out removes 100 %")));
  for (const std::int64_t number : {2, 3, 6, 7})
    testing::expect_receipts_hold(run_->sink.committed.at(number).at("measured"), 2);
}

class EmbeddedProbing : public ::testing::Test {
 protected:
  static std::vector<CaseInput> cases() {
    const std::vector<std::pair<std::string, std::string>> nouns = {
        {"son", "sons"},           {"king", "kings"},      {"servant", "servants"},
        {"priest", "priests"},     {"house", "houses"},    {"city", "cities"},
        {"daughter", "daughters"}, {"prophet", "prophets"}};
    std::vector<CaseInput> all;
    for (const auto& [one, many] : nouns)
      for (const auto& [noun, label] : {std::pair(one, "singular"), {many, "plural"}})
        all.push_back(
            {noun, "And the " + noun + " of the land", {}, {{"label", label}, {"group", one}}});
    return all;
  }

  static void SetUpTestSuite() {
    run_ = new ExperimentRun(run_experiment(kProbing, testing::kModel, cases(),
                                            {{"kind", "mean_difference"},
                                             {"folds", "2"},
                                             {"target", " was"},
                                             {"versus", " were"},
                                             {"steered", "4"},
                                             {"min_gap", "0"}}));
    model_ = Model::open(testing::kModel);
  }
  static void TearDownTestSuite() {
    delete run_;
    model_ = nullptr;
  }

  static const Dataset& table() { return run_->report.summaries.at(kProbing); }
  static Dataset probe() { return run_->sink.committed.at(0).at("probe"); }
  static Tokens tokens(std::int64_t number) {
    return to_tokens(*model_, cases()[static_cast<std::size_t>(number)].text);
  }
  static std::int64_t layer() {
    return std::get<std::int64_t>(probe().attributes.at("chosen_layer"));
  }
  /// Unit vector of the chosen point, float64.
  static at::Tensor direction() {
    const auto point = std::get<std::int64_t>(probe().attributes.at("chosen_point"));
    return probe()["direction"].tensor[point].to(at::kDouble);
  }
  /// Component of the last token's stream along the direction.
  static double component(std::int64_t number) {
    at::Tensor stream;
    Hooks hooks;
    hooks.read(residual_hook(model_->spec(), layer()),
               [&](const at::Tensor& x, const HookPoint&) { stream = x[0][-1].clone(); });
    model_->forward(make_batch(tokens(number)), {}, hooks);
    return stream.to(at::kDouble).dot(direction()).item<double>();
  }
  /// logit(was) - logit(were) where the last token's stream has `amount` more of the direction.
  static double metric(std::int64_t number, double amount) {
    Hooks hooks;
    hooks.replace(residual_hook(model_->spec(), layer()),
                  [&](const at::Tensor& x, const HookPoint&) {
                    at::Tensor changed = x.clone();
                    changed[0][-1].add_(direction().to(at::kFloat), amount);
                    return changed;
                  });
    const at::Tensor logits =
        model_->forward(make_batch(tokens(number)), {}, hooks).logits[0][-1].to(at::kDouble);
    return logits[to_single_token(*model_, " was")].item<double>() -
           logits[to_single_token(*model_, " were")].item<double>();
  }
  static std::vector<std::int64_t> fitting() {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < probe().dim("example"); ++i)
      numbers.push_back(static_cast<std::int64_t>(value_at(probe(), "case_of_example", {i})));
    return numbers;
  }
  static bool is_singular(std::int64_t number) { return number % 2 == 0; }

  static inline ExperimentRun* run_ = nullptr;
  static inline std::shared_ptr<const Model> model_;
};

TEST_F(EmbeddedProbing, MeasuresTheDistanceOfTheLabelsOnTheHalfThatFitted) {
  ASSERT_EQ(run_->report.failures.size(), 0u) << run_->report.failures.front().message;
  Values singular, plural;
  for (const std::int64_t number : fitting())
    (is_singular(number) ? singular : plural).push_back(component(number));
  // Labels in order: plural, singular. Rounding of a float32 stream.
  EXPECT_NEAR(value_at(probe(), "label_distance"),
              testing::reference::mean(singular) - testing::reference::mean(plural), 1e-4);
}

TEST_F(EmbeddedProbing, SteersFourCasesByThatDistance) {
  const double distance = value_at(probe(), "label_distance");
  int steered = 0;
  for (const auto& [number, saved] : run_->sink.committed) {
    if (!saved.contains("measured")) continue;
    const Dataset& one = saved.at("measured");
    if (std::isnan(value_at(one, "base_metric"))) continue;
    ++steered;
    const double base = metric(number, 0.0);
    EXPECT_NEAR(value_at(one, "base_metric"), base, 1e-4) << number;
    EXPECT_NEAR(value_at(one, "moved_effect"),
                metric(number, is_singular(number) ? -distance : distance) - base, 1e-3)
        << number;
    EXPECT_NEAR(value_at(one, "removed_effect"), metric(number, -component(number)) - base, 1e-3)
        << number;
    EXPECT_EQ(value_at(one, "label"), is_singular(number) ? 1 : 0);
  }
  EXPECT_EQ(steered, 4);
}

TEST_F(EmbeddedProbing, ReadsTheLabelsOfTheOtherHalf) {
  const auto point = std::get<std::int64_t>(probe().attributes.at("chosen_point"));
  const double norm = value_at(probe(), "direction_norm", {point});
  const double intercept = value_at(probe(), "intercept", {point});
  Values right;
  for (const auto& [number, saved] : run_->sink.committed) {
    if (!saved.contains("measured")) continue;
    const bool singular = norm * component(number) + intercept > 0;
    EXPECT_EQ(value_at(saved.at("measured"), "predicted"), singular ? 1 : 0) << number;
    right.push_back(singular == is_singular(number) ? 1 : 0);
  }
  EXPECT_EQ(right.size(), 8u);
  EXPECT_NEAR(value_at(table(), "measured_accuracy"), testing::reference::mean(right), 1e-12);
}

TEST_F(EmbeddedProbing, ChoosesThePointWithTheBestHeldOutAccuracy) {
  double best = 0;
  for (std::int64_t point = 0; point < 6; ++point)
    best = std::max(best, value_at(table(), "held_out_accuracy", {point}));
  const auto chosen = std::get<std::int64_t>(table().attributes.at("chosen_point"));
  EXPECT_EQ(value_at(table(), "held_out_accuracy", {chosen}), best);
  for (std::int64_t point = 0; point < chosen; ++point)
    EXPECT_LT(value_at(table(), "held_out_accuracy", {point}), best);
}

TEST(Probing, DoesNotAskForCausesWithoutATarget) {
  std::vector<CaseInput> cases;
  for (int i = 0; i < 12; ++i)
    cases.push_back({"case-" + std::to_string(i),
                     {},
                     {20 + i, 40, 50 + i % 2},
                     {{"label", std::to_string(i % 2)}}});
  const auto run = run_experiment(kProbing, testing::kModel, cases,
                                  {{"kind", "mean_difference"}, {"folds", "2"}});
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  const Dataset& table = run.report.summaries.at(kProbing);
  EXPECT_FALSE(table.contains("recovered"));
  EXPECT_THAT(std::get<std::string>(table.attributes.at("finding")), HasSubstr("was not asked"));
}

std::string probing_failure(const std::map<std::string, std::string>& fields,
                            const std::map<std::string, std::string>& set = {}) {
  const auto run =
      run_experiment(kProbing, testing::kModel, {{"line-3", "And God said", {}, fields}}, set);
  return run.report.failures.empty() ? "" : run.report.failures.front().message;
}

TEST(Probing, NamesTheFieldThatIsWrong) {
  EXPECT_THAT(probing_failure({}), AllOf(HasSubstr("case 'line-3': the field 'label' is missing"),
                                         HasSubstr("write \"label\": ")));
  EXPECT_THAT(probing_failure({{"label", " "}}), HasSubstr("'label' is empty"));
  EXPECT_THAT(probing_failure({{"label", "a"}, {"position", "x"}}),
              HasSubstr("give the position of a token"));
  EXPECT_THAT(probing_failure({{"label", "a"}}, {{"position", "marker"}}),
              HasSubstr("lacks the field 'position'"));
  EXPECT_THAT(probing_failure({{"label", "a"}}), HasSubstr("all cases are of one group"));
}

}  // namespace
}  // namespace lensbench
