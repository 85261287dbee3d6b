#include "archive/joint/shared_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/error.hpp>
#include <thread>
#include <vector>

#include "archive/run/plan_files.hpp"
#include "core/text/json.hpp"
#include "framework/archive/joint/joint_plan.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

// What the folder of a run has once, however many processes work on it.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::joint_plan;
using testing::message_of;
using testing::TempDir;

constexpr std::chrono::seconds kNoPatience{0};

TEST(SharedPlan, IsThatOfTheFirstProcess) {
  const TempDir dir;
  const RunFolder first(dir / "a.run", "host.1.aa"), second(dir / "a.run", "host.2.bb");
  EXPECT_FALSE(is_shared_run(dir / "a.run"));
  EXPECT_TRUE(plan_shared_run(first, joint_plan(3), kNoPatience));
  EXPECT_FALSE(plan_shared_run(second, joint_plan(4), kNoPatience));
  EXPECT_TRUE(is_shared_run(dir / "a.run"));
  EXPECT_EQ(planned_cases(first.plan()), 3u);
  EXPECT_EQ(difference_from_plan(second.plan(), joint_plan(3)), "");
}

// All plan at once: one succeeds, and every process sees the whole plan of that one.
TEST(SharedPlan, IsMadeOnceByProcessesOfOneMoment) {
  const TempDir dir;
  for (int trial = 0; trial < 20; ++trial) {
    const fs::path run = dir / ("a" + std::to_string(trial) + ".run");
    std::vector<int> planned(4, 0);
    std::vector<std::thread> processes;
    for (std::size_t i = 0; i < planned.size(); ++i)
      processes.emplace_back([&, i] {
        const RunFolder folder(run, "host." + std::to_string(i) + ".x");
        planned[i] = plan_shared_run(folder, joint_plan(50), std::chrono::seconds(10)) ? 1 : 0;
        EXPECT_EQ(difference_from_plan(folder.plan(), joint_plan(50)), "");
      });
    for (std::thread& process : processes) process.join();
    EXPECT_EQ(planned[0] + planned[1] + planned[2] + planned[3], 1);
  }
}

TEST(SharedPlan, LeavesNoTemporaryFiles) {
  const TempDir dir;
  {
    const RunFolder folder(dir / "a.run", "host.1.aa");
    plan_shared_run(folder, joint_plan(1), kNoPatience);
  }
  EXPECT_TRUE(fs::is_empty(dir / "a.run/tmp"));
}

TEST(SharedPlan, ThatWasBegunAndIsNotCompleteIsWaitedForAndThenRefused) {
  const TempDir dir;
  dir.write("a.run/plan/request.json", "{}");
  const RunFolder folder(dir / "a.run", "host.1.aa");
  EXPECT_THAT(message_of<RunError>([&] { plan_shared_run(folder, joint_plan(1), kNoPatience); }),
              AllOf(HasSubstr("a.run"), HasSubstr("READY")));
}

TEST(SharedPlan, IsNotGivenToCasesOfAnother) {
  const TempDir dir;
  dir.write("a.run/packs/000/000001.pack", "");
  const RunFolder folder(dir / "a.run", "host.1.aa");
  EXPECT_THAT(message_of<UsageError>([&] { plan_shared_run(folder, joint_plan(1), kNoPatience); }),
              HasSubstr("whose plan is gone"));
}

TEST(Environment, IsThatOfTheFirstProcessThatComputes) {
  const TempDir dir;
  const RunFolder first(dir / "a.run", "host.1.aa"), second(dir / "a.run", "host.2.bb");
  EXPECT_TRUE(environment_of_run(dir / "a.run").is_null());
  const nlohmann::json one = {{"cpu", "one"}, {"threads", 2}};
  require_same_environment(first, one);
  EXPECT_NO_THROW(require_same_environment(second, one));
  EXPECT_EQ(environment_of_run(dir / "a.run"), one);
}

TEST(Environment, ThatDiffersIsRefusedByTheNameOfTheField) {
  const TempDir dir;
  const RunFolder folder(dir / "a.run", "host.1.aa");
  require_same_environment(folder, {{"cpu", "one"}, {"threads", 2}});
  EXPECT_THAT(
      message_of<UsageError>([&] {
        require_same_environment(folder, {{"cpu", "another"}, {"threads", 2}});
      }),
      AllOf(HasSubstr("cpu was \"one\", here \"another\""), ::testing::Not(HasSubstr("more"))));
  EXPECT_THAT(message_of<UsageError>([&] {
                require_same_environment(folder, {{"threads", 3}});
              }),
              AllOf(HasSubstr("cpu was \"one\", here missing"), HasSubstr("(and 1 more)")));
}

TEST(KeepFirst, NeverChangesWhatIsThere) {
  const TempDir dir;
  const RunFolder folder(dir / "a.run", "host.1.aa");
  EXPECT_TRUE(keep_first(folder, folder.command(), {{"command", "run"}}));
  EXPECT_FALSE(keep_first(folder, folder.command(), {{"command", "tool"}}));
  EXPECT_EQ(read_json(folder.command()), nlohmann::json::object({{"command", "run"}}));
}

}  // namespace
}  // namespace lensbench
