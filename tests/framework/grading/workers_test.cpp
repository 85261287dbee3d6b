// A grading that asks about several models at a time gives what one gives that asks about them one
// after the other.
#include "grading/run/workers.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <lensbench/error.hpp>
#include <optional>

#include "core/files/sha256.hpp"
#include "grading/archive/archived_grading.hpp"
#include "grading/archive/grade_recipe.hpp"
#include "grading/output/grade_text.hpp"
#include "grading/plant/plant.hpp"
#include "grading/run/plant_models.hpp"
#include "support/fixture_plugins.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

using testing::TempDir;

/// Four models, of which the first takes longest. One tool is silent about the second and the
/// third, one claims nothing at all, and one refuses the fourth.
class Workers : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    models_.emplace();
    plugins_.emplace();
    testing::place(*plugins_, "sometimes_claims");
    for (const auto& [name, kind] :
         {std::pair("1", "induction"), {"2", "hist"}, {"3", "frac_prevs"}, {"4", "mirror_bert"}}) {
      PlantRequest plant;
      plant.kind = kind;
      plant.prompts = 3;
      plant.edges = false;
      std::filesystem::create_directory(*models_ / name);
      grading::plant(plant, *models_ / name);
    }
    one_at_a_time_ = archived_in(*models_, "one.h5", request(1));
  }
  static void TearDownTestSuite() {
    one_at_a_time_.reset();
    plugins_.reset();
    models_.reset();
  }

  static GradeRequest request(std::int64_t workers) {
    GradeRequest request;
    request.tools = {"sometimes_claims", "sparsity", "layer_attribution"};
    request.models = {models_->path()};
    request.plugins.dirs = {plugins_->path(), testing::build_folder() + "/lib/lensbench/plugins"};
    request.counts = {20, 20, 20};
    request.threads = 1;
    request.workers = workers;
    return request;
  }

  static ArchivedGrades archived_in(const TempDir& folder, const std::string& name,
                                    const GradeRequest& request, bool resume = false,
                                    const GradeListener& listener = {}) {
    Grading grading(request, listener);
    return archive_grades(grading, plan_of(request, grading), request, folder / name, resume, {});
  }

  static void expect_as_one_at_a_time(const ArchivedGrades& other) {
    EXPECT_EQ(other.sealed.digests.results, one_at_a_time_->sealed.digests.results);
    EXPECT_EQ(grade_text(other.grades, request(1), {}),
              grade_text(one_at_a_time_->grades, request(1), {}));
  }

  static inline std::optional<TempDir> models_, plugins_;
  static inline std::optional<ArchivedGrades> one_at_a_time_;
  TempDir out_;
};

TEST_F(Workers, AreOneWhereAParameterNamesAFile) {
  GradeRequest request = this->request(4);
  EXPECT_EQ(worker_count(request), 4);
  request.set["sae"] = std::string(5000, 'x');  // too long for a path
  EXPECT_EQ(worker_count(request), 4);
  request.set["sae"] = (*models_ / "1" / "truth.json").string() + ":results/x";
  EXPECT_EQ(worker_count(request), 1);
}

TEST_F(Workers, GiveTheArchiveOfOneAlone) {
  for (const std::int64_t workers : {2, 3, 4})
    expect_as_one_at_a_time(archived_in(out_, std::to_string(workers) + ".h5", request(workers)));
}

TEST_F(Workers, GoOnAfterAKillWithAnotherNumber) {
  const pid_t child = fork();
  if (child == 0) {
    GradeListener listener;
    listener.on_task = [](std::size_t done, std::size_t) {
      if (done == 2) raise(SIGKILL);
    };
    archived_in(out_, "a.h5", request(4), false, listener);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  ASSERT_FALSE(std::filesystem::exists(out_ / "a.h5"));
  expect_as_one_at_a_time(archived_in(out_, "a.h5", request(2), true));
}

TEST_F(Workers, SayWhichTasksAreDoneInOrderAndOneAtATime) {
  std::vector<std::size_t> done;
  std::atomic<int> inside = 0;
  GradeListener listener;
  listener.on_task = [&](std::size_t now, std::size_t) {
    EXPECT_EQ(++inside, 1);
    done.push_back(now);
    --inside;
  };
  archived_in(out_, "a.h5", request(4), false, listener);
  ASSERT_GE(done.size(), 4u);
  for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i], i + 1);
}

TEST_F(Workers, StopWhenOneOfThemIsStopped) {
  GradeListener listener;
  listener.should_stop = [times = 0]() mutable { return ++times > 3; };
  EXPECT_THROW(archived_in(out_, "a.h5", request(3), false, listener), RunError);
  expect_as_one_at_a_time(archived_in(out_, "a.h5", request(3), true));
}

TEST(PlantWorkers, WriteTheFilesOfOneAlone) {
  const TempDir folder;
  std::vector<GradeRequest> requests(2);
  for (std::size_t i = 0; i < 2; ++i) {
    GradeRequest& request = requests[i];
    request.planted = planted_kinds({"hist", "frac_prevs", "reverse"}, {1, 2});
    for (PlantRequest& plant : request.planted) plant.prompts = 2;
    request.workers = i == 0 ? 1 : 3;
    const auto place = folder / std::to_string(request.workers);
    std::filesystem::create_directory(place);
    plant_models(request, place, {});
  }
  ASSERT_EQ(requests[1].models.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i)
    for (const char* file : {"config.json", "model.safetensors", "truth.json"})
      EXPECT_EQ(sha256_file(requests[0].models[i] / file),
                sha256_file(requests[1].models[i] / file))
          << requests[1].models[i] / file;
}

}  // namespace
}  // namespace lensbench::grading
