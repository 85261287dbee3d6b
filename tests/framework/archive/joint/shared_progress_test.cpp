#include "archive/joint/shared_progress.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "archive/run/run_writer.hpp"
#include "framework/archive/joint/joint_plan.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using testing::joint_plan;
using testing::joint_result;
using testing::joint_rules;
using testing::TempDir;

TEST(SharedProgress, CountsTheCasesOfEachProcessAndAllOfThemOnce) {
  const TempDir dir;
  for (const std::string part : {"1", "2"}) {
    RunWriter writer = RunWriter::join(dir / "a.h5", joint_plan(5, 2), joint_rules(part));
    writer.commit(0, joint_result(0), {});
    if (part == "2") writer.commit(3, joint_result(3), {});
    writer.finish_writing();
  }
  const SharedProgress progress = shared_progress(dir / "a.run");
  EXPECT_EQ(progress.planned, 10u);
  EXPECT_EQ(progress.units, 2u);
  ASSERT_EQ(progress.writers.size(), 2u);
  EXPECT_EQ(progress.writers[0].part, "1");
  EXPECT_EQ(progress.writers[0].units, 1u);
  EXPECT_EQ(progress.writers[1].part, "2");
  EXPECT_EQ(progress.writers[1].units, 2u);
  EXPECT_FALSE(progress.writers[0].host.empty());
}

TEST(SharedProgress, TakesTimesFromTheFileSystem) {
  const TempDir dir;
  {
    RunWriter writer = RunWriter::join(dir / "a.h5", joint_plan(5), joint_rules("1"));
    writer.commit(0, joint_result(0), {});
  }
  namespace fs = std::filesystem;
  const fs::path run = dir / "a.run";
  const auto begin = fs::last_write_time(run / "environment.json");
  for (const auto& entry : fs::recursive_directory_iterator(run / "open"))
    if (entry.is_regular_file())
      fs::last_write_time(entry.path(), begin + std::chrono::seconds(90));
  EXPECT_DOUBLE_EQ(shared_progress(run).seconds, 90);
}

}  // namespace
}  // namespace lensbench
