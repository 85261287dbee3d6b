#include <signal.h>

#include <algorithm>
#include <cstdlib>

#include "e2e/shards_fixture.hpp"
#include "support/long_form.hpp"

// One run of the processes that mpirun starts. Without MPI, or without the library of lensbench for
// it, the tests that need them are skipped.

namespace lensbench {
namespace {

bool has_mpi_part() {
  return fs::exists(testing::build_folder() + "/lib/liblensbench_mpi.so");
}

class Ranks : public testing::ShardsTest {
 protected:
  Ranks() {
    // mpirun does not start anything as root otherwise, as which tests run in containers.
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    // Processes of this machine are started without ssh, which mpirun looks for.
    setenv("OMPI_MCA_plm_rsh_agent", "/bin/false", 0);
  }
  void SetUp() override {
    if (!has_mpi_part()) GTEST_SKIP() << "lensbench was built without MPI";
    if (!fs::exists("/usr/bin/mpirun")) GTEST_SKIP() << "mpirun is not installed";
  }

  /// Without binding, so that the environment is that of a process without mpirun.
  Outcome mpirun(int ranks, const std::string& archive,
                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"/usr/bin/mpirun",
                                    "-n",
                                    std::to_string(ranks),
                                    "--oversubscribe",
                                    "--bind-to",
                                    "none",
                                    testing::build_folder() + "/bin/lensbench"};
    const auto command = words(archive);
    all.insert(all.end(), command.begin(), command.end());
    all.insert(all.end(), more.begin(), more.end());
    return testing::run(all);
  }
};

TEST_F(Ranks, GiveTheResultsOfOneProcess) {
  write_prompts(30);
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  for (const int ranks : {2, 3}) {
    const std::string archive = "by" + std::to_string(ranks) + ".h5";
    const Outcome outcome = mpirun(ranks, archive);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    for (const char* name : {"results_sha256", "recipe_sha256", "environment_sha256"})
      EXPECT_EQ(digest(archive, name), digest("whole.h5", name)) << name;
    EXPECT_FALSE(fs::exists(folder(archive)));
  }
}

TEST_F(Ranks, RunWhatWasPlanned) {
  auto planned = words("a.h5");
  planned[0] = "plan";
  ASSERT_EQ(lensbench(planned).exit_code, 0);
  const Outcome outcome = mpirun(2, "a.h5");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(fs::exists(directory_ / "a.h5"));
}

TEST_F(Ranks, RunEveryPass) {
  name_ = "two_passes";
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  const Outcome outcome = mpirun(2, "a.h5");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(digest("a.h5", "results_sha256"), digest("whole.h5", "results_sha256"));
}

TEST_F(Ranks, GoOnWithAnotherNumberAfterOneDied) {
  name_ = "two_passes";
  write_prompts(12);
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  setenv("LENSBENCH_TEST_KILL", "pass 1 case 7", 1);
  EXPECT_NE(mpirun(2, "a.h5").exit_code, 0);
  unsetenv("LENSBENCH_TEST_KILL");
  EXPECT_FALSE(fs::exists(directory_ / "a.h5"));
  const Outcome refused = mpirun(3, "a.h5");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("--resume"));
  const Outcome resumed = mpirun(3, "a.h5", {"--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(digest("a.h5", "results_sha256"), digest("whole.h5", "results_sha256"));
}

TEST_F(Ranks, LoseNothingWhereverOneDies) {
  name_ = "two_passes";
  constexpr int kPrompts = 12;
  write_prompts(kPrompts);
  ASSERT_EQ(run("whole.h5").exit_code, 0);
  const int step = testing::in_long_form() ? 1 : 9;
  for (int place = 0; place < 2 * kPrompts; place += step) {
    const std::string archive = "at" + std::to_string(place) + ".h5";
    setenv(
        "LENSBENCH_TEST_KILL",
        ("pass " + std::to_string(place / kPrompts) + " case " + std::to_string(place % kPrompts))
            .c_str(),
        1);
    EXPECT_NE(mpirun(2 + place % 2, archive).exit_code, 0) << place;
    unsetenv("LENSBENCH_TEST_KILL");
    const Outcome resumed = mpirun(3 - place % 2, archive, {"--resume"});
    ASSERT_EQ(resumed.exit_code, 0) << place << ": " << resumed.err;
    EXPECT_EQ(digest(archive, "results_sha256"), digest("whole.h5", "results_sha256")) << place;
  }
}

TEST_F(Ranks, SayAnErrorOfTheRequestAndEnd) {
  const Outcome outcome = mpirun(2, "a.h5", {"--set", "no_such_parameter=1"});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("no_such_parameter"));
  EXPECT_FALSE(fs::exists(folder("a.h5")));
}

/// A process that looks as if mpirun had started two.
class Launched : public testing::ShardsTest {
 protected:
  Launched() {
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    setenv("OMPI_COMM_WORLD_RANK", "0", 1);
  }
  ~Launched() override {
    unsetenv("OMPI_COMM_WORLD_SIZE");
    unsetenv("OMPI_COMM_WORLD_RANK");
  }
};

TEST_F(Launched, WithoutTheMpiPartIsAnErrorThatSaysSo) {
  if (has_mpi_part()) GTEST_SKIP() << "lensbench was built with MPI";
  const Outcome outcome = run("a.h5");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("OMPI_COMM_WORLD_SIZE"),
                                 HasSubstr("liblensbench_mpi.so"), HasSubstr("--shard I/N")));
  EXPECT_FALSE(fs::exists(folder("a.h5")));
}

TEST_F(Launched, MayRunAShard) {
  run_and_seal("a.h5", {"1/2", "2/2"});
  EXPECT_TRUE(fs::exists(directory_ / "a.h5"));
}

}  // namespace
}  // namespace lensbench
