// Tools with one fault each are graded where their fault puts them, and a tool that was written
// without the code of the shipped ones is graded as right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "grading/plant/plant.hpp"
#include "grading/run/grade.hpp"
#include "grading/truth/truth_file.hpp"
#include "support/fixture_plugins.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

using testing::TempDir;

/// Models of three circuits, in a basis that hides the mechanism, and a folder with the tools.
class WrongTools : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    models_.emplace();
    plugins_.emplace();
    testing::place(*plugins_, "graded_tools");
    first_ = graded(1, {"direct", "direct_sign", "direct_norm", "direct_layer", "direct_token",
                        "direct_random", "exchanged", "exchanged_not"});
    second_ = graded(2, {"direct", "direct_sign"});
  }
  static void TearDownTestSuite() {
    first_.reset();
    second_.reset();
    plugins_.reset();
    models_.reset();
  }

  static Grades graded(std::int64_t seed, std::vector<std::string> tools) {
    GradeRequest request;
    request.tools = std::move(tools);
    for (const char* kind : {"induction", "fact", "name_mover"}) {
      PlantRequest plant;
      plant.kind = kind;
      plant.seed = seed;
      plant.gauge = Gauge::rotated;
      plant.prompts = 8;
      plant.edges = false;
      const auto folder = *models_ / (kind + std::to_string(seed));
      std::filesystem::create_directory(folder);
      grading::plant(plant, folder);
      request.models.emplace_back(folder);
    }
    request.plugins.dirs = {plugins_->path()};
    request.counts = {200, 200, 20};
    request.controls.gauge = seed == 1;
    request.scratch = *models_ / ("scratch" + std::to_string(seed));
    std::filesystem::create_directory(request.scratch);
    return grade(request, {});
  }

  static Estimate estimate(const std::optional<Grades>& grades, const std::string& tool,
                           const std::string& claim, const std::string& metric) {
    for (const Entry& entry : grades->entries)
      if (entry.tool == tool && entry.claim == claim)
        if (const Estimate* found = find_estimate(entry, metric)) return *found;
    ADD_FAILURE() << tool << " has no score " << metric << " of " << claim;
    return {};
  }
  static double of(const std::string& tool, const std::string& claim, const std::string& metric) {
    return estimate(first_, tool, claim, metric).value;
  }

  static inline std::optional<TempDir> models_, plugins_;
  static inline std::optional<Grades> first_, second_;
};

// Float32 activations, of which the stream's constant is 256, in effects of the size of the gap.
constexpr double kExact = 1e-3;

TEST_F(WrongTools, ArePrecededByARightOne) {
  EXPECT_LT(of("direct", "effect.dla", "error"), kExact);
  EXPECT_GT(of("direct", "effect.dla", "r_direct"), 0.97);
  EXPECT_EQ(of("direct", "effect.dla", "sign"), 1);
  EXPECT_LT(of("direct", "readout.probability", "largest"), 1e-4);
  EXPECT_EQ(of("direct", "readout.rank", "wrong"), 0);
}

TEST_F(WrongTools, WithATurnedSignKeepTheRankingAlone) {
  EXPECT_EQ(of("direct_sign", "effect.dla", "auroc"), of("direct", "effect.dla", "auroc"));
  EXPECT_EQ(of("direct_sign", "effect.dla", "sign"), 0);
  EXPECT_NEAR(of("direct_sign", "effect.dla", "error"), 2, kExact);
  EXPECT_LT(of("direct_sign", "effect.dla", "r"), -0.99);
}

TEST_F(WrongTools, WithoutTheFinalNormAreWrongInEveryNumber) {
  EXPECT_GT(of("direct_norm", "effect.dla", "error"), 0.5);
  EXPECT_LT(of("direct_norm", "effect.dla", "r_direct"), 0.97);
  EXPECT_GT(of("direct_norm", "readout.rank", "wrong"), 0.2);
  EXPECT_GT(of("direct_norm", "readout.probability", "largest"), 0.5);
}

TEST_F(WrongTools, ThatReadTheLayerBeforeAreWrongWhereTheAnswerAppears) {
  EXPECT_GT(of("direct_layer", "readout.probability", "largest"), 0.5);
  EXPECT_GT(of("direct_layer", "readout.rank", "wrong"), 0.1);
  EXPECT_LT(of("direct_layer", "effect.dla", "error"), kExact) << "its effects are right";
}

TEST_F(WrongTools, ThatScoreAnotherTokenMissTheAnswer) {
  EXPECT_GT(of("direct_token", "effect.dla", "error"), 0.2);
  EXPECT_GT(of("direct_token", "readout.probability", "largest"), 0.5);
  EXPECT_GT(of("direct_token", "readout.rank", "wrong"), 0.2);
}

TEST_F(WrongTools, ThatDrawTheirScoresAreInTheRandomBand) {
  const Estimate auroc = estimate(first_, "direct_random", "effect.dla", "auroc");
  EXPECT_GE(auroc.value, auroc.random_low);
  EXPECT_LE(auroc.value, auroc.random_high);
  EXPECT_TRUE(auroc.like_shuffled());
  EXPECT_LT(std::abs(of("direct_random", "effect.dla", "r")), 0.5);
}

// Where the corrupted prompt is the clean one, nothing is exchanged.
TEST_F(WrongTools, ThatForgetTheCorruptedPromptClaimAnEffectOfNoChange) {
  EXPECT_LT(of("exchanged", "effect.direct", "null"), 1e-9);
  EXPECT_GT(of("exchanged_not", "effect.direct", "null"), 0.1);
}

// In another basis heads have another order: scores that do not depend on the model stay where they
// were, and those of a right tool follow their head.
TEST_F(WrongTools, ThatDrawTheirScoresDoNotFollowTheirComponents) {
  EXPECT_LT(of("direct", "effect.dla", "gauge"), kExact);
  EXPECT_LT(of("direct", "readout.probability", "gauge"), kExact);
  EXPECT_GT(of("direct_random", "effect.dla", "gauge"), 0.1);
}

TEST_F(WrongTools, HaveTablesOfTwoSeedsThatAgreeWithinTheirIntervals) {
  for (const char* tool : {"direct", "direct_sign"})
    for (const char* metric : {"auroc", "r_total"}) {
      const Estimate a = estimate(first_, tool, "effect.dla", metric);
      const Estimate b = estimate(second_, tool, "effect.dla", metric);
      EXPECT_LE(a.low, b.high) << tool << " " << metric;
      EXPECT_LE(b.low, a.high) << tool << " " << metric;
    }
}

/// Tools that guess features and variables.
class Guessed : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const TempDir models, plugins;
    testing::place(plugins, "graded_tools");
    GradeRequest request;
    request.tools = {"guesses", "data_points"};
    for (const char* kind : {"superposition", "induction"}) {
      PlantRequest plant;
      plant.kind = kind;
      plant.gauge = Gauge::rotated;
      plant.prompts = 3;
      plant.edges = false;
      std::filesystem::create_directory(models / kind);
      grading::plant(plant, models / kind);
      request.models.emplace_back(models / kind);
    }
    request.plugins.dirs = {plugins.path()};
    request.counts = {50, 50, 0};
    request.controls.gauge = true;
    request.scratch = models / "scratch";
    std::filesystem::create_directory(request.scratch);
    grades_ = grade(request, {});
  }
  static void TearDownTestSuite() { grades_.reset(); }

  static Estimate estimate(const std::string& tool, const std::string& claim,
                           const std::string& metric) {
    for (const Entry& entry : grades_->entries)
      if (entry.tool == tool && entry.claim == claim)
        if (const Estimate* found = find_estimate(entry, metric)) return *found;
    ADD_FAILURE() << tool << " has no score " << metric << " of " << claim;
    return {};
  }

  static inline std::optional<Grades> grades_;
};

// Random directions of the whole stream are further away than those of the span of the features,
// and the model does not matter.
TEST_F(Guessed, DirectionsAreNotAboveTheRandomBand) {
  const Estimate mcc = estimate("guesses", "feature.direction", "mcc");
  EXPECT_LE(mcc.value, mcc.random_high);
  EXPECT_GT(mcc.random_low, 0.4);
  EXPECT_LT(mcc.random_high, 0.6);
  EXPECT_DOUBLE_EQ(mcc.difference, 0);
  EXPECT_EQ(estimate("guesses", "feature.direction", "found").value, 0);
}

// A probe that sees the same everywhere ranks no layer before another.
TEST_F(Guessed, LayersRankNone) {
  EXPECT_EQ(estimate("guesses", "presence", "auroc").value, 0.5);
  EXPECT_EQ(estimate("guesses", "presence", "present").value, 0.5);
}

// Some tokens have one feature alone, so that a list of tokens finds all without learning anything;
// in a shuffled model it finds as little as at random.
TEST_F(Guessed, FeaturesAreFoundByAListOfTokens) {
  const Estimate mcc = estimate("data_points", "feature.direction", "mcc");
  EXPECT_GT(mcc.value, 0.85);
  EXPECT_LT(mcc.shuffled, 0.7);
}

/// One tool, asked about one model.
class OnOneModel : public ::testing::Test {
 protected:
  /// \param tool  `learner` is left without training prompts
  Grades grades_of(const std::string& kind, const std::string& tool = "learner") {
    PlantRequest plant;
    plant.kind = kind;
    plant.prompts = 8;
    plant.edges = false;
    Truth truth = grading::plant(plant, model_.path());
    if (tool == "learner") {
      for (Task& task : truth.tasks) task.train.clear();
      write_truth(truth, model_.path());
    }
    testing::place(plugins_, "graded_tools");
    GradeRequest request;
    request.tools = {tool};
    request.models = {model_.path()};
    request.plugins.dirs = {plugins_.path()};
    request.counts = {20, 20, 0};
    request.scratch = scratch_.path();
    return grade(request, {});
  }

  TempDir model_, plugins_, scratch_;
};

// The tool would not answer for a prompt that is in its text.
TEST_F(OnOneModel, AToolIsTrainedOnTheOtherFoldsOfATaskWithoutTrainingPrompts) {
  const Grades grades = grades_of("superposition");
  ASSERT_EQ(grades.entries.size(), 1u);
  const Entry& entry = grades.entries[0];
  EXPECT_EQ(find_estimate(entry, "coverage")->value, 1);
  EXPECT_GT(find_estimate(entry, "mcc")->value, 0.6);
  EXPECT_THAT(entry.problems, ::testing::Contains(::testing::HasSubstr("4 folds")));
}

// The labels of one task are the tokens before a position, of which there are more than ten.
TEST_F(OnOneModel, AToolIsNoBetterThanChanceFromPermutedLabels) {
  const Grades grades = grades_of("induction", "label_reader");
  ASSERT_EQ(grades.entries.size(), 1u);
  const Estimate present = *find_estimate(grades.entries[0], "present");
  EXPECT_EQ(present.value, 1);
  EXPECT_GT(present.permuted, 0);
  EXPECT_LT(present.permuted, 0.3);
}

TEST_F(OnOneModel, AToolRefusesAModelWithoutFeaturesForWantOfTrainingPrompts) {
  const Grades grades = grades_of("hist");
  EXPECT_TRUE(grades.entries.empty());
  ASSERT_EQ(grades.unscored.size(), 1u);
  EXPECT_THAT(grades.unscored[0].reason,
              ::testing::AllOf(::testing::StartsWith("no training prompts"),
                               ::testing::HasSubstr("feature.direction")));
}

// Eight prompts, of which seven are scored.
TEST_F(OnOneModel, AToolThatThrowsOnOnePromptAbstainsThereAndTheErrorIsTold) {
  const Grades grades = grades_of("hist", "throws_once");
  ASSERT_EQ(grades.entries.size(), 1u);
  const Entry& entry = grades.entries[0];
  EXPECT_THAT(entry.problems,
              ::testing::ElementsAre(::testing::HasSubstr(
                  "1 of 8 prompts were not answered: throws_once: this prompt is odd")));
  ASSERT_EQ(entry.tasks.size(), 1u);
  const Table& claimed = entry.tasks[0].planted.claimed;
  for (std::size_t i = 0; i < claimed.size(); ++i)
    for (std::size_t p = 0; p < claimed[i].size(); ++p)
      if (entry.tasks[0].planted.items[i].front() == 'L') {
        EXPECT_EQ(std::isnan(claimed[i][p]), p == 1) << entry.tasks[0].planted.items[i] << p;
      }
}

TEST_F(OnOneModel, AToolWithAnUnknownClaimIsToldTheNearest) {
  const Grades grades = grades_of("hist", "mistyped_claim");
  EXPECT_TRUE(grades.entries.empty());
  ASSERT_EQ(grades.unscored.size(), 1u);
  EXPECT_EQ(grades.unscored[0].why, Unscored::Why::refused);
  EXPECT_THAT(grades.unscored[0].reason, ::testing::HasSubstr("did you mean 'importance'"));
}

}  // namespace
}  // namespace lensbench::grading
