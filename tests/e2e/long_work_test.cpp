#include <ATen/TensorOperators.h>
#include <sys/wait.h>

#include <cstdlib>

#include "archive/archive_reader.hpp"
#include "support/command.hpp"
#include "support/fixture_plugins.hpp"
#include "support/folders.hpp"

// Work that is killed on the way: tools that keep states, experiments with passes, plug-ins that
// end the process.

namespace lensbench {
namespace {

class LongWork : public ::testing::Test {
 protected:
  LongWork() {
    testing::place(directory_, "long_work");
    directory_.write("p.txt", "And God said\nthe LORD\nAnd it came to pass\n");
  }

  /// Runs a tool or an experiment over three prompts; kills itself at `place`.
  Outcome run(const std::string& kind, const std::string& name, const std::string& archive,
              const std::string& place = "", std::vector<std::string> more = {}) {
    std::vector<std::string> words = {
        kind,   name,        "--plugin-dir",       directory_.path(), "--model",
        kModel, "--prompts", directory_ / "p.txt", "--out",           directory_ / archive};
    words.insert(words.end(), more.begin(), more.end());
    setenv("LENSBENCH_TEST_KILL", place.c_str(), 1);
    const Outcome outcome = lensbench(std::move(words));
    unsetenv("LENSBENCH_TEST_KILL");
    return outcome;
  }

  std::string digest(const std::string& archive) {
    return ArchiveReader(directory_ / archive).attribute("results_sha256");
  }

  TempDir directory_;
};

TEST_F(LongWork, GoesOnAfterTheLastStateThatWasKept) {
  const auto killed = run("tool", "trains", "a.h5", "step 6");
  EXPECT_NE(killed.exit_code, 0);
  EXPECT_FALSE(fs::exists(directory_ / "a.h5"));
  const auto resumed = run("tool", "trains", "a.h5", "", {"--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  const Dataset result = ArchiveReader(directory_ / "a.h5").read("trains");
  EXPECT_EQ(result["sum"].tensor.sum().item<double>(), 3 * 45);
  EXPECT_EQ(result["begun_at"].tensor[0].item<double>(), 6);
  EXPECT_EQ(result["begun_at"].tensor[1].item<double>(), 0);
  EXPECT_FALSE(fs::exists(directory_ / "a.run"));
}

TEST_F(LongWork, NamesTheCaseAndTheToolThatRanWhenTheProcessEnded) {
  run("tool", "trains", "a.h5", "step 6");
  const auto resumed = run("tool", "trains", "a.h5", "", {"--resume"});
  EXPECT_THAT(resumed.err, HasSubstr("ended without notice in case 'line-1', tool 'trains'"));
}

TEST_F(LongWork, IsShownAsFarAsItIsSavedBeforeTheRunIsSealed) {
  EXPECT_NE(run("run", "two_passes", "a.h5", "pass 1 case 2").exit_code, 0);
  for (const char* name : {"a.run", "a.h5"}) {
    const auto shown = lensbench({"show", directory_ / name});
    ASSERT_EQ(shown.exit_code, 0) << shown.err;
    EXPECT_THAT(shown.out, AllOf(HasSubstr("length"), HasSubstr("deviation"), HasSubstr("line-2"),
                                 HasSubstr("Not sealed yet: 3 of 3 cases are complete")))
        << name;
  }
  const auto one = lensbench({"show", directory_ / "a.run", "deviation", "--case", "line-1"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.out, AllOf(HasSubstr("deviation"), Not(HasSubstr("length"))));

  const auto unknown = lensbench({"show", directory_ / "a.run", "--case", "line-9"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("it does not have a case 'line-9'"));
  const auto facts = lensbench({"show", directory_ / "a.run", "--facts"});
  EXPECT_EQ(facts.exit_code, 2);
  EXPECT_THAT(facts.err, HasSubstr("not sealed yet; leave --facts out"));
}

TEST_F(LongWork, InTwoPassesHasOneResultHoweverItIsInterrupted) {
  ASSERT_EQ(run("run", "two_passes", "whole.h5").exit_code, 0);
  for (const char* place : {"pass 0 case 1", "pass 1 case 0", "pass 1 case 2"}) {
    const std::string archive = std::string("cut") + place[5] + place[12] + ".h5";
    EXPECT_NE(run("run", "two_passes", archive, place).exit_code, 0);
    const auto resumed = run("run", "two_passes", archive, "", {"--resume"});
    ASSERT_EQ(resumed.exit_code, 0) << place << resumed.err;
    EXPECT_EQ(digest(archive), digest("whole.h5")) << place;
  }
  const ArchiveReader whole(directory_ / "whole.h5");
  const at::Tensor length = whole.read("length")["length"].tensor;
  EXPECT_TRUE(whole.read("deviation")["deviation"].tensor.allclose(length - length.mean()));
  EXPECT_EQ(whole.read("largest")["largest"].tensor.item<double>(),
            (length - length.mean()).max().item<double>());
}

TEST_F(LongWork, IsNeverDoneWhenAToolEndsTheProcess) {
  for (const std::string tool : {"leaves", "leaves_quickly", "leaves_at_once"}) {
    const auto outcome = run("tool", tool, tool + ".h5");
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("case 'line-1', tool '" + tool + "'"),
                                   HasSubstr("exit()"), HasSubstr("--resume")));
    EXPECT_FALSE(fs::exists(directory_ / (tool + ".h5")));
  }
}

TEST_F(LongWork, IsNeverDoneWhenAPlugInEndsTheProcessBeforeTheFirstCase) {
  testing::place(directory_, "before_cases");
  const std::vector<std::pair<std::string, std::string>> entries = {
      {"tool", "leaves_at_model"}, {"tool", "leaves_at_parameters"}, {"tool", "leaves_at_hooks"},
      {"tool", "leaves_at_cost"},  {"run", "leaves_at_passes"},
  };
  for (const auto& [kind, name] : entries) {
    const auto outcome = run(kind, name, "a.h5");
    EXPECT_EQ(outcome.exit_code, 5) << name;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("'" + name + "': code of a plug-in ended the process"),
                                   HasSubstr("no case ran")));
    EXPECT_FALSE(fs::exists(directory_ / "a.h5")) << name;
    EXPECT_FALSE(fs::exists(directory_ / "a.run")) << name;
  }
}

TEST_F(LongWork, SaysTheTextThatAPlugInThrowsBeforeTheFirstCase) {
  testing::place(directory_, "before_cases");
  const auto outcome = run("tool", "throws_of_parameters", "a.h5");
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_THAT(outcome.err, HasSubstr("its check of the parameters failed: boom"));
}

#ifndef __SANITIZE_ADDRESS__  // it reports crashes itself
// Weights in float32 are mapped from the checkpoint read-only, so that a write into them crashes.
TEST_F(LongWork, NamesTheCaseAndTheToolOfACrashAtOnce) {
  testing::place(directory_, "writes_weights");
  directory_.write("ids.jsonl", "{\"ids\": [1]}\n{\"ids\": [1, 2]}\n");
  const auto outcome =
      lensbench({"tool", "zeroes", "--plugin-dir", directory_.path(), "--model", kModel,
                 "--prompts", directory_ / "ids.jsonl", "--out", directory_ / "a.h5"});
  EXPECT_EQ(outcome.exit_code, -SIGSEGV);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("case 'line-2', tool 'zeroes': the process crashed"),
                    HasSubstr("read-only"), HasSubstr("clone"), HasSubstr("--resume")));
  EXPECT_FALSE(fs::exists(directory_ / "a.h5"));
}
#endif

#ifndef __SANITIZE_ADDRESS__
TEST_F(LongWork, NamesTheTaskAndTheToolOfACrashInAGrading) {
  const std::vector<std::string> grade = {"grade",           "crashes", "--plugin-dir",
                                          directory_.path(), "--kinds", "frac_prevs",
                                          "--seeds",         "1",       "--quick"};
  const auto without = lensbench(grade);
  EXPECT_EQ(without.exit_code, -SIGSEGV);
  EXPECT_THAT(without.err, AllOf(HasSubstr("lensbench: task '"),
                                 HasSubstr("', tool 'crashes': the process crashed; nothing of the "
                                           "grading is kept without --out")));
  auto kept = grade;
  kept.insert(kept.end(), {"--out", directory_ / "g.h5"});
  const auto crashed = lensbench(kept);
  EXPECT_EQ(crashed.exit_code, -SIGSEGV);
  EXPECT_THAT(crashed.err, AllOf(HasSubstr("', tool 'crashes': the process crashed; every finished "
                                           "task is safe in"),
                                 HasSubstr("--resume")));
  kept.emplace_back("--resume");
  const auto resumed = lensbench(kept);
  EXPECT_THAT(resumed.err,
              AllOf(HasSubstr("ended without notice in task '"), HasSubstr("', tool 'crashes'")));
}
#endif

TEST_F(LongWork, NamesTheToolThatEndsAGradingByExit) {
  const auto outcome =
      lensbench({"grade", "leaves", "--plugin-dir", directory_.path(), "--kinds", "frac_prevs",
                 "--seeds", "1", "--quick", "--out", directory_ / "g.h5"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("task '"), HasSubstr("', tool 'leaves'"),
                                 HasSubstr("exit()"), HasSubstr("--resume")));
}

// In another type they are converted in memory, where the change is noticed after the call.
TEST_F(LongWork, EndsWithTheNameOfAToolThatWritesIntoTheWeights) {
  testing::place(directory_, "writes_weights");
  directory_.write("ids.jsonl", "{\"ids\": [1]}\n{\"ids\": [1, 2]}\n");
  const auto outcome =
      lensbench({"tool", "zeroes", "--plugin-dir", directory_.path(), "--model", kModel, "--dtype",
                 "bfloat16", "--prompts", directory_ / "ids.jsonl", "--out", directory_ / "a.h5"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_THAT(outcome.err, HasSubstr("case 'line-2', tool 'zeroes': it changed weights"));
  EXPECT_FALSE(fs::exists(directory_ / "a.h5"));
}

TEST_F(LongWork, KeepsWhatAToolPrintsOutOfTheJson) {
  const auto outcome = run("tool", "prints", "a.h5", "", {"--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(json::parse(outcome.out).contains("results_sha256"));
  EXPECT_THAT(outcome.err, HasSubstr("a tool must not print"));
}

TEST_F(LongWork, ThatFailsEverywhereNamesTheToolOnceAndNoArchive) {
  directory_.write("p.txt", "a\nb\nc\nd\ne\nf\ng\n");
  const auto outcome = run("tool", "blames", "a.h5");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("tool 'blames': the prompt is too short"),
                                 HasSubstr("and 2 more cases failed\n")));
  directory_.write("p.txt", "a\nb\nc\nd\ne\nf\n");
  EXPECT_THAT(run("tool", "blames", "a.h5").err, HasSubstr("and 1 more case failed\n"));
}

TEST_F(LongWork, IsFinishedWithACorrectedPlugInAfterItsSummaryFailed) {
  ASSERT_EQ(run("run", "two_passes", "whole.h5").exit_code, 0);
  fs::remove(directory_ / "long_work.so");
  testing::place(directory_, "long_work_faulty");
  const auto failed = run("run", "two_passes", "a.h5");
  EXPECT_EQ(failed.exit_code, 5);
  EXPECT_THAT(failed.err, AllOf(HasSubstr("the summary has a fault"),
                                HasSubstr("lensbench finish " + (directory_ / "a.run").string())));
  fs::remove(directory_ / "long_work_faulty.so");
  testing::place(directory_, "long_work");
  EXPECT_THAT(run("run", "two_passes", "a.h5", "", {"--resume"}).err, HasSubstr("another request"));
  const auto finished = lensbench({"finish", directory_ / "a.run"});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(digest("a.h5"), digest("whole.h5"));
  const ArchiveReader archive(directory_ / "a.h5");
  const auto computed = archive.recipe()["plugin_sha256"].strings.at(0);
  const auto ended = archive.run()["finished_with"][0]["sha256"].get<std::string>();
  EXPECT_EQ(ended, ArchiveReader(directory_ / "whole.h5").recipe()["plugin_sha256"].strings.at(0));
  EXPECT_NE(computed, ended);
  EXPECT_EQ(lensbench({"verify", directory_ / "a.h5"}).exit_code, 0);
}

TEST_F(LongWork, IsNotFinishedBeforeItsCasesHaveRun) {
  EXPECT_NE(run("run", "two_passes", "a.h5", "pass 1 case 1").exit_code, 0);
  const auto finished = lensbench({"finish", directory_ / "a.run"});
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_THAT(finished.err, HasSubstr("case 1 has not run yet; resume the run"));
  const auto none = lensbench({"finish", directory_.path()});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.err, HasSubstr("not the folder of an interrupted run"));
}

}  // namespace
}  // namespace lensbench
