// A grading that is kept in an archive, task by task.
#include "grading/archive/archived_grading.hpp"

#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lensbench/error.hpp>
#include <optional>

#include "archive/archive_reader.hpp"
#include "grading/archive/grade_recipe.hpp"
#include "grading/archive/scores_dataset.hpp"
#include "grading/archive/stored_report.hpp"
#include "grading/output/grade_text.hpp"
#include "grading/plant/plant.hpp"
#include "grading/truth/truth_file.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;

/// Two small models of one task each.
class ArchivedGrading : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    models_.emplace();
    for (const char* kind : {"frac_prevs", "hist"}) {
      PlantRequest plant;
      plant.kind = kind;
      plant.prompts = 3;
      plant.edges = false;
      std::filesystem::create_directory(*models_ / kind);
      truths_.push_back(grading::plant(plant, *models_ / kind));
    }
  }
  static void TearDownTestSuite() {
    models_.reset();
    truths_.clear();
  }

  static GradeRequest request(std::vector<std::string> tools = {"layer_attribution"}) {
    GradeRequest request;
    request.tools = std::move(tools);
    request.models = {models_->path()};
    request.plugins.dirs = {testing::build_folder() + "/lib/lensbench/plugins"};
    request.counts = {20, 20, 20};
    request.threads = 1;
    return request;
  }

  ArchivedGrades archived(const std::string& name, const GradeRequest& request, bool resume = false,
                          const GradeListener& listener = {}) const {
    Grading grading(request, listener);
    return archive_grades(grading, plan_of(request, grading), request, out_ / name, resume, {});
  }

  static inline std::optional<TempDir> models_;
  static inline std::vector<Truth> truths_;
  TempDir out_;
};

double value_of(const Grades& grades, const std::string& claim, const std::string& metric) {
  for (const Entry& entry : grades.entries)
    if (entry.claim == claim)
      if (const Estimate* estimate = find_estimate(entry, metric)) return estimate->value;
  ADD_FAILURE() << "no score " << metric << " of " << claim;
  return 0;
}

TEST_F(ArchivedGrading, HasTheScoresAndTheTextOfOneWithoutAnArchive) {
  const GradeRequest asked = request();
  const Grades without = grade(asked, {});
  const ArchivedGrades kept = archived("a.h5", asked);
  const ArchiveReader archive(kept.sealed.path);
  const Dataset scores = archive.read(kScores);
  ASSERT_EQ(scores["tool"].strings.size(), without.entries.size());
  const auto values = scores["value"].tensor.accessor<double, 2>();
  const auto& metrics = scores["metric"].strings;
  for (std::size_t i = 0; i < without.entries.size(); ++i)
    for (std::size_t m = 0; m < metrics.size(); ++m)
      if (const Estimate* estimate = find_estimate(without.entries[i], metrics[m])) {
        const double stored = values[std::int64_t(i)][std::int64_t(m)];
        EXPECT_TRUE(stored == estimate->value || (stored != stored)) << metrics[m];
      }
  EXPECT_EQ(stored_report(archive), grade_text(without, asked, TerminalStyle{.unicode = true}));
  EXPECT_EQ(value_of(stored_scores(archive), "effect.dla", "auroc"),
            value_of(without, "effect.dla", "auroc"));
}

// What is true is that of truth.json, whatever the tool says.
TEST_F(ArchivedGrading, HasEveryItemBesideWhatIsTrue) {
  const ArchiveReader archive(archived("a.h5", request()).sealed.path);
  const Dataset items = archive.read("items_layer_attribution");
  const auto claimed = items["claimed"].tensor.accessor<double, 2>();
  const auto truth = items["true"].tensor.accessor<double, 2>();
  const auto members = items["member"].tensor.accessor<int, 1>();
  const Task& first = truths_.front().tasks.front();
  std::size_t found = 0;
  for (std::size_t c = 0; c < first.effects->components.size(); ++c)
    for (std::int64_t row = 0; row < items.dim("case"); ++row) {
      const auto at = static_cast<std::size_t>(row);
      if (items["claim"].strings[at] != "effect.zero" ||
          items["item"].strings[at] != first.effects->components[c])
        continue;
      for (std::int64_t p = 0; p < 3; ++p) {
        EXPECT_EQ(truth[row][p], first.effects->values.at("zero")[c][std::size_t(p)]);
        // Float32 activations of which a constant of 1024 is the largest, in effects of 10 logits.
        EXPECT_NEAR(claimed[row][p], truth[row][p], 1e-2);
      }
      EXPECT_EQ(members[row] == 1,
                first.membership.at(first.effects->components[c]) == Membership::member);
      ++found;
      break;
    }
  EXPECT_EQ(found, first.effects->components.size());
}

/// Receipt of the scores of one model, by its name.
std::optional<Receipt> receipt_of(const std::filesystem::path& model, GradeRequest asked,
                                  const std::string& name) {
  asked.models = {model};
  const auto summaries = summaries_of(grade(asked, {}), asked);
  for (const Receipt& receipt : summaries.at(kScores).receipts)
    if (receipt.name == name) return receipt;
  return std::nullopt;
}

TEST_F(ArchivedGrading, SaysWhetherATruthIsThatOfItsCheckpoint) {
  const std::string name = "truth_matches_checkpoint";
  const auto right = receipt_of(*models_ / "hist", request(), name);
  ASSERT_TRUE(right);
  EXPECT_TRUE(right->passed);
  std::filesystem::copy(*models_ / "hist", out_ / "changed");
  Truth changed = truths_.back();
  changed.tasks[0].effects->values["zero"][0][0] += 5;
  write_truth(changed, out_ / "changed");
  const auto wrong = receipt_of(out_ / "changed", request(), name);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->value, 1);
  EXPECT_FALSE(wrong->passed);
}

// It was measured when it was planted.
TEST_F(ArchivedGrading, DoesNotMeasureAModelAgainThatWasPlantedForIt) {
  GradeRequest asked = request();
  asked.planted.emplace_back();
  EXPECT_FALSE(receipt_of(*models_ / "hist", asked, "truth_matches_checkpoint"));
}

TEST_F(ArchivedGrading, GoesOnAfterAKillToTheSameResults) {
  const GradeRequest asked = request();
  const pid_t child = fork();
  if (child == 0) {
    GradeListener listener;
    listener.on_task = [](std::size_t, std::size_t) { raise(SIGKILL); };
    archived("a.h5", asked, false, listener);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_FALSE(std::filesystem::exists(out_ / "a.h5"));
  EXPECT_THAT(testing::message_of<UsageError>([&] { archived("a.h5", asked); }),
              HasSubstr("1 of 2"));
  EXPECT_THAT(testing::message_of<UsageError>([&] {
                archived("a.h5", request({"layer_attribution", "logit_lens"}), true);
              }),
              HasSubstr("another request"));
  const ArchivedGrades resumed = archived("a.h5", asked, true);
  const ArchivedGrades whole = archived("b.h5", asked);
  EXPECT_EQ(resumed.sealed.digests.results, whole.sealed.digests.results);
  EXPECT_EQ(grade_text(resumed.grades, asked, {}), grade_text(whole.grades, asked, {}));
}

TEST_F(ArchivedGrading, KeepsTheTasksThatWereDoneWhenItIsStopped) {
  const GradeRequest asked = request();
  GradeListener listener;
  std::size_t times = 0;
  listener.should_stop = [&] { return ++times > 1; };
  EXPECT_THROW(archived("a.h5", asked, false, listener), RunError);
  std::size_t tasks = 0;
  listener.should_stop = [&] { return ++tasks > 1; };
  EXPECT_NO_THROW(archived("a.h5", asked, true, listener)) << "one task was left";
}

TEST_F(ArchivedGrading, HasARequestThatCanBeAskedAgain) {
  GradeRequest asked = request({"logit_lens"});
  asked.set = {{"top_k", "3"}};
  asked.controls.gauge = false;
  asked.seed = 7;
  const ArchiveReader archive(archived("a.h5", asked).sealed.path);
  const GradeRequest again = grade_request(archive.request(), "a.h5");
  EXPECT_EQ(again.tools, asked.tools);
  EXPECT_EQ(again.set, asked.set);
  EXPECT_EQ(again.seed, 7u);
  EXPECT_EQ(names_of(again.controls), names_of(asked.controls));
  EXPECT_EQ(again.counts.bootstrap, 20u);
}

TEST(GradeRecipe, RefusesWhatIsNotTheRequestOfAGrading) {
  EXPECT_THAT(testing::message_of<InputError>([] {
                grade_request({{"kind", "grade"}}, "x.h5");
              }),
              HasSubstr("x.h5"));
  EXPECT_THAT(testing::message_of<UsageError>([] { controls_of("random,shufled"); }),
              HasSubstr("shuffled"));
}

}  // namespace
}  // namespace lensbench::grading
