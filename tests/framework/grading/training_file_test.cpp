#include "grading/run/training_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "model/runtime/parallel.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

using testing::TempDir;

Task labelled() {
  Task task;
  task.train.push_back({{1, 2}, 7, 1});
  task.train.push_back({{3, 4}, 8, 0});
  return task;
}

Task without_labels() {
  Task task;
  task.train.push_back({{1, 2}, {}, {}});
  return task;
}

std::vector<ParameterInfo> files_named(std::initializer_list<const char*> names) {
  std::vector<ParameterInfo> declared;
  for (const char* name : names) {
    declared.emplace_back();
    declared.back().name = name;
    declared.back().type = ParameterType::file;
  }
  return declared;
}

TEST(TrainingFile, HasALineForEachPrompt) {
  const TempDir folder;
  EXPECT_EQ(
      testing::slurp(training_file(folder.path(), labelled()).string()),
      "{\"ids\":[1,2],\"label\":7,\"position\":1}\n{\"ids\":[3,4],\"label\":8,\"position\":0}\n");
  EXPECT_EQ(testing::slurp(training_file(folder.path(), without_labels()).string()),
            "{\"ids\":[1,2]}\n");
}

TEST(TrainingFile, OfOtherPromptsIsAnotherOne) {
  const TempDir folder;
  EXPECT_NE(training_file(folder.path(), labelled()),
            training_file(folder.path(), without_labels()));
  EXPECT_EQ(training_file(folder.path(), labelled()), training_file(folder.path(), labelled()));
}

// Models of one kind and seed in two bases have equal prompts, and each has a thread.
TEST(TrainingFile, IsWholeForEachOfSeveralThreads) {
  for (int trial = 0; trial < 50; ++trial) {
    const TempDir folder;
    for_each_on_threads(4, 4, [&](std::int64_t) {
      EXPECT_EQ(testing::slurp(training_file(folder.path(), without_labels()).string()),
                "{\"ids\":[1,2]}\n");
    });
  }
}

TEST(TrainingFile, IsNotWrittenWithoutPromptsOrAFolder) {
  const TempDir folder;
  EXPECT_TRUE(training_file(folder.path(), Task()).empty());
  EXPECT_TRUE(training_file({}, labelled()).empty());
}

/// Five prompts of one token each, of a model with features, and no others to train on.
Truth with_features() {
  Truth truth;
  truth.features.emplace();
  truth.tasks.emplace_back();
  for (std::int64_t id = 0; id < 5; ++id) {
    truth.tasks[0].prompts.emplace_back();
    truth.tasks[0].prompts.back().ids = {id};
  }
  return truth;
}

// Prompts 0 and 4 are of the first of four folds.
TEST(TrainingFolds, LeaveOutThePromptThatIsAskedAbout) {
  const TempDir folder;
  const Truth truth = with_features();
  const Task& task = truth.tasks[0];
  const TrainingFiles files = training_files(folder.path(), truth, task);
  const auto declared = files_named({"text"});
  const auto text_for = [&](std::size_t prompt) {
    const GivenTraining given = given_training(declared, task, files, prompt);
    EXPECT_EQ(given.parameter->name, "text");
    return testing::slurp(given.file.string());
  };
  EXPECT_EQ(text_for(0), "{\"ids\":[1]}\n{\"ids\":[2]}\n{\"ids\":[3]}\n");
  EXPECT_EQ(text_for(4), text_for(0));
  EXPECT_EQ(text_for(1), "{\"ids\":[0]}\n{\"ids\":[2]}\n{\"ids\":[3]}\n{\"ids\":[4]}\n");
}

TEST(TrainingFolds, AreNotMadeOfTasksWithTrainingPromptsOrModelsWithoutFeatures) {
  Truth truth = with_features();
  EXPECT_EQ(fold_count(truth, truth.tasks[0]), 4u);
  truth.tasks[0].train = without_labels().train;
  EXPECT_EQ(fold_count(truth, truth.tasks[0]), 0u);
  truth = with_features();
  truth.features.reset();
  EXPECT_EQ(fold_count(truth, truth.tasks[0]), 0u);
  truth = with_features();
  truth.tasks[0].prompts.resize(1);
  EXPECT_EQ(fold_count(truth, truth.tasks[0]), 0u);
}

// 100 prompts, each with its own label.
TEST(PermutedLabels, AreThoseOfOtherPrompts) {
  Task task;
  for (std::int64_t i = 0; i < 100; ++i) task.train.push_back({{i}, i, 0});
  const TempDir folder;
  const TrainingFiles files = training_files(folder.path(), {}, task);
  std::ifstream file(files.permuted);
  std::set<std::int64_t> labels;
  std::int64_t kept = 0, lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const auto prompt = nlohmann::json::parse(line);
    EXPECT_EQ(prompt["ids"][0], lines);
    labels.insert(prompt["label"].get<std::int64_t>());
    kept += prompt["label"] == prompt["ids"][0] ? 1 : 0;
  }
  EXPECT_EQ(lines, 100);
  EXPECT_EQ(labels.size(), 100u);
  EXPECT_LT(kept, 10);  // one on average
}

TEST(PermutedLabels, AreNotThereWherePromptsHaveNone) {
  const TempDir folder;
  EXPECT_TRUE(training_files(folder.path(), {}, without_labels()).permuted.empty());
}

TEST(MissingTraining, IsWhatAToolDeclaresAndSettingsDoNotHave) {
  const auto declared = files_named({"text", "examples", "pairs"});
  const auto missing = missing_training(declared, {{"text", "a.txt"}});
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_STREQ(missing[0].parameter, "examples");
  EXPECT_THAT(missing[0].sentence, ::testing::HasSubstr("presence"));
  EXPECT_FALSE(learns_from_text(declared, {{"text", "a.txt"}}));
  EXPECT_TRUE(learns_from_text(declared, {}));
}

TEST(TrainingParameter, DependsOnWhetherThereAreLabels) {
  const auto declared = files_named({"pairs", "text", "examples"});
  EXPECT_EQ(training_parameter(declared, labelled())->name, "examples");
  EXPECT_EQ(training_parameter(declared, without_labels())->name, "text");
  EXPECT_EQ(training_parameter(declared, Task()), nullptr);
  EXPECT_EQ(training_parameter(files_named({"text"}), labelled()), nullptr);
}

TEST(TrainingParameter, IsAFile) {
  auto declared = files_named({"examples"});
  declared[0].type = ParameterType::integer;
  EXPECT_EQ(training_parameter(declared, labelled()), nullptr);
}

}  // namespace
}  // namespace lensbench::grading
