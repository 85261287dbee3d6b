#include "grading/run/training_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

std::vector<ParameterInfo> files(std::initializer_list<const char*> names) {
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

TEST(TrainingParameter, DependsOnWhetherThereAreLabels) {
  const auto declared = files({"pairs", "text", "examples"});
  EXPECT_EQ(training_parameter(declared, labelled())->name, "examples");
  EXPECT_EQ(training_parameter(declared, without_labels())->name, "text");
  EXPECT_EQ(training_parameter(declared, Task()), nullptr);
  EXPECT_EQ(training_parameter(files({"text"}), labelled()), nullptr);
}

TEST(TrainingParameter, IsAFile) {
  auto declared = files({"examples"});
  declared[0].type = ParameterType::integer;
  EXPECT_EQ(training_parameter(declared, labelled()), nullptr);
}

}  // namespace
}  // namespace lensbench::grading
