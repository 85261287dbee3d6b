#include <signal.h>

#include <chrono>
#include <thread>

#include "e2e/shards_fixture.hpp"

// Several processes that compute one run: the archive depends on the request alone.

namespace lensbench {
namespace {

class Shards : public testing::ShardsTest {};

TEST_F(Shards, GiveEqualFilesHoweverManyThereAreAndInAnyOrder) {
  run_and_seal("one.h5", {"1/1"});
  run_and_seal("two.h5", {"1/2", "2/2"});
  run_and_seal("three.h5", {"3/3", "1/3", "2/3"});
  run_and_seal("four.h5", {"4/4", "3/4", "2/4", "1/4"});
  const std::string whole = file_digest("one.h5");
  EXPECT_EQ(whole.size(), 64u);
  for (const char* archive : {"two.h5", "three.h5", "four.h5"})
    EXPECT_EQ(file_digest(archive), whole) << archive;
  EXPECT_FALSE(fs::exists(folder("four.h5")));
}

TEST_F(Shards, GiveTheResultsOfOneProcess) {
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  run_and_seal("three.h5", {"2/3", "3/3", "1/3"});
  for (const char* name : {"results_sha256", "recipe_sha256", "environment_sha256"})
    EXPECT_EQ(digest("three.h5", name), digest("whole.h5", name)) << name;
  EXPECT_EQ(lensbench({"verify", directory_ / "three.h5"}).exit_code, 0);
  const Outcome same = lensbench({"diff", directory_ / "whole.h5", directory_ / "three.h5"});
  EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
}

// Each process computes what is averaged over the prompts of all cases.
TEST_F(Shards, AverageOverTheCasesOfAllShards) {
  command_ = "tool";
  name_ = "layer_attribution";
  more_ = {"--set", "ablation=mean"};
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  run_and_seal("two.h5", {"2/2", "1/2"});
  EXPECT_EQ(digest("two.h5", "results_sha256"), digest("whole.h5", "results_sha256"));
}

TEST_F(Shards, KeepTimesAndHostsUnlessTheSealIsReproducible) {
  ASSERT_EQ(shard("a.h5", "1/1").exit_code, 0);
  ASSERT_EQ(seal("a.h5").exit_code, 0);
  run_and_seal("b.h5", {"1/1"});
  const json with = ArchiveReader(directory_ / "a.h5").run();
  const json without = ArchiveReader(directory_ / "b.h5").run();
  EXPECT_TRUE(with.contains("host") && with.contains("started") && with.contains("arguments"));
  EXPECT_FALSE(without.contains("host") || without.contains("started") ||
               without.contains("arguments"));
  EXPECT_EQ(without["reproducible"], json(true));
  EXPECT_EQ(digest("a.h5", "results_sha256"), digest("b.h5", "results_sha256"));
}

TEST_F(Shards, GoOnAfterAKillWithTheSameFile) {
  name_ = "two_passes";
  run_and_seal("whole.h5", {"1/1"});
  setenv("LENSBENCH_TEST_KILL", "pass 0 case 1", 1);
  const Outcome killed = shard("a.h5", "1/2");
  unsetenv("LENSBENCH_TEST_KILL");
  EXPECT_EQ(killed.exit_code, -SIGKILL);
  run_and_seal("a.h5", {"2/2", "1/2", "2/2"});
  EXPECT_EQ(file_digest("a.h5"), file_digest("whole.h5"));
}

// Otherwise every process that resumes the run would end in the same case.
TEST_F(Shards, GiveUpACaseInWhichTwoProcessesEnded) {
  name_ = "two_passes";
  setenv("LENSBENCH_TEST_KILL", "pass 0 case 1", 1);
  EXPECT_EQ(shard("a.h5", "1/1").exit_code, -SIGKILL);
  EXPECT_EQ(shard("a.h5", "1/1", {"--resume"}).exit_code, -SIGKILL);
  const Outcome third = shard("a.h5", "1/1", {"--resume"});
  unsetenv("LENSBENCH_TEST_KILL");
  EXPECT_EQ(third.exit_code, 5) << third.err;
  EXPECT_THAT(third.err, HasSubstr("(1 failed)"));
  const Outcome sealed = seal("a.h5");
  EXPECT_EQ(sealed.exit_code, 5);
  EXPECT_THAT(sealed.err, HasSubstr("'line-2' failed: ended its process (2 times)"));
}

TEST_F(Shards, MayRunTwiceAtOneTime) {
  run_and_seal("whole.h5", {"1/1"});
  auto command = words("a.h5");
  command.insert(command.begin(), testing::build_folder() + "/bin/lensbench");
  command.insert(command.end(), {"--shard", "1/2", "--commit-every", "0"});
  const TempDir outputs[2];
  pid_t children[2];
  for (int i = 0; i < 2; ++i) children[i] = testing::start(command, outputs[i].path());
  for (int i = 0; i < 2; ++i) {
    const Outcome outcome = testing::wait_for(children[i], outputs[i].path());
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  run_and_seal("a.h5", {"2/2"});
  EXPECT_EQ(file_digest("a.h5"), file_digest("whole.h5"));
}

TEST_F(Shards, AreDividedAnewByAResume) {
  run_and_seal("whole.h5", {"1/1"});
  ASSERT_EQ(shard("a.h5", "2/2").exit_code, 0);
  run_and_seal("a.h5", {"1/3", "2/3", "3/3"});
  EXPECT_EQ(file_digest("a.h5"), file_digest("whole.h5"));
}

// What a kill leaves between the name of the archive and the end of its run.
TEST_F(Shards, AreCleanedUpByASealAfterOneThatWasKilled) {
  ASSERT_EQ(shard("a.h5", "1/1").exit_code, 0);
  fs::copy(folder("a.h5"), directory_ / "kept", fs::copy_options::recursive);
  ASSERT_EQ(seal("a.h5").exit_code, 0);
  const std::string sealed = file_digest("a.h5");
  fs::rename(directory_ / "kept", folder("a.h5"));
  const Outcome again = seal("a.h5");
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_FALSE(fs::exists(folder("a.h5")));
  EXPECT_EQ(file_digest("a.h5"), sealed);
}

TEST_F(Shards, AreFinishedByOneProcessThatResumes) {
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  ASSERT_EQ(shard("a.h5", "2/3").exit_code, 0);
  const Outcome refused = run("a.h5");
  EXPECT_EQ(refused.exit_code, 2);
  const Outcome resumed = run("a.h5", {"--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(digest("a.h5", "results_sha256"), digest("whole.h5", "results_sha256"));
  EXPECT_FALSE(fs::exists(folder("a.h5")));
}

TEST_F(Shards, GoOnWithWhatOneProcessBegan) {
  name_ = "two_passes";
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  setenv("LENSBENCH_TEST_KILL", "pass 0 case 2", 1);
  EXPECT_EQ(run("a.h5").exit_code, -SIGKILL);
  unsetenv("LENSBENCH_TEST_KILL");
  const Outcome refused = shard("a.h5", "1/2");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--resume"));
  for (const char* which : {"1/2", "2/2", "1/2"})
    ASSERT_EQ(shard("a.h5", which, {"--resume"}).exit_code, 0) << which;
  ASSERT_EQ(seal("a.h5").exit_code, 0);
  EXPECT_EQ(digest("a.h5", "results_sha256"), digest("whole.h5", "results_sha256"));
}

TEST_F(Shards, WaitWithThePassThatNeedsTheCasesOfTheOthers) {
  name_ = "two_passes";
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  const Outcome first = shard("a.h5", "1/2");
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("pass 2 of 2 needs the cases of all shards"));
  // The last one finds the first pass complete and goes on.
  const Outcome second = shard("a.h5", "2/2");
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("lensbench seal"));
  const Outcome early = seal("a.h5");
  EXPECT_EQ(early.exit_code, 2);
  EXPECT_THAT(early.err, HasSubstr("cases have not run"));
  EXPECT_THAT(shard("a.h5", "1/2").err, HasSubstr("lensbench seal"));
  ASSERT_EQ(seal("a.h5").exit_code, 0);
  EXPECT_EQ(digest("a.h5", "results_sha256"), digest("whole.h5", "results_sha256"));
}

/// Waits until a process of the run has made a case safe.
bool wait_for_frame(const fs::path& run) {
  for (int i = 0; i < 600; ++i) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(run / "open", error), end; !error && it != end;
         it.increment(error))
      if (it->is_regular_file(error) && it->file_size(error) > 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST_F(Shards, LeaveWithFiveAfterASignalAndGoOn) {
  write_prompts(60);
  auto command = words("a.h5");
  command.insert(command.begin(), testing::build_folder() + "/bin/lensbench");
  command.insert(command.end(), {"--shard", "1/1", "--commit-every", "0"});
  const TempDir output;
  const pid_t child = testing::start(command, output.path());
  ASSERT_TRUE(wait_for_frame(folder("a.h5")));
  kill(child, SIGTERM);
  const Outcome stopped = testing::wait_for(child, output.path());
  EXPECT_EQ(stopped.exit_code, 5) << stopped.err;
  EXPECT_THAT(stopped.err, AllOf(HasSubstr("shard 1/1: "), HasSubstr(" of its 60 cases"),
                                 HasSubstr("--shard 1/1")));
  run_and_seal("a.h5", {"1/2", "2/2"});
  run_and_seal("whole.h5", {"1/1"});
  EXPECT_EQ(file_digest("a.h5"), file_digest("whole.h5"));
}

TEST_F(Shards, AreShownAsFarAsTheyHaveCome) {
  ASSERT_EQ(shard("a.h5", "2/3").exit_code, 0);
  const Outcome shown = lensbench({"show", folder("a.h5")});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("Not sealed yet: 2 of 6"), HasSubstr("Progress: 2 of 6"),
                    HasSubstr("Processes that have written: 1"), HasSubstr("part 2 on")));
}

}  // namespace
}  // namespace lensbench
