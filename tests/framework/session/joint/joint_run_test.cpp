#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/error.hpp>
#include <memory>

#include "archive/archive_reader.hpp"
#include "archive/run/pack_files.hpp"
#include "framework/session/session_fixture.hpp"
#include "session/run_session.hpp"
#include "support/error_matchers.hpp"

// Shards of one run, each a session of this process.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using testing::broken_case;
using testing::cases_of_ids;
using ::testing::HasSubstr;
using testing::message_of;
using testing::SessionFolders;

class JointRun : public ::testing::Test {
 protected:
  std::unique_ptr<RunSession> session(bool resume = false) {
    RunRequest request = folders.request(PluginEntryKind::tool, "token_count");
    request.resume = resume;
    auto made = std::make_unique<RunSession>(std::move(request), listener);
    made->prepare(cases, {});
    return made;
  }
  RunSession::ShardOutcome shard(std::int64_t number, std::int64_t count, bool resume = false) {
    return session(resume)->execute_shard(archive(), {"words"}, {number, count});
  }
  fs::path archive() const { return folders.archives / "a.h5"; }
  fs::path run() const { return folders.archives / "a.run"; }

  SessionFolders folders;
  RunListener listener;
  std::vector<CaseInput> cases = cases_of_ids(5);
};

TEST_F(JointRun, OfAShardComputesItsCasesAlone) {
  // Lengths 1 to 5: 15 tokens, so that a third ends at 5. The third case has the tokens 4 to 6,
  // most of them before that.
  const auto outcome = shard(1, 3);
  EXPECT_EQ(outcome.cases, 3);
  EXPECT_EQ(outcome.left, 0);
  EXPECT_EQ(outcome.exit_code(), 0);
  EXPECT_EQ(count_units(run()), 3u);
  EXPECT_FALSE(fs::exists(archive()));
}

TEST_F(JointRun, IsSealedInTheOrderOfThePlan) {
  shard(2, 2);
  shard(1, 2);
  const auto outcome = session()->seal(archive(), {"seal"}, true);
  EXPECT_EQ(outcome.exit_code(), 0);
  const at::Tensor count = ArchiveReader(archive()).read("token_count")["count"].tensor;
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_EQ(count[i].item<double>(), i + 1);
}

TEST_F(JointRun, CountsTheCasesOfItsShard) {
  std::vector<std::string> heard;
  listener.on_case = [&](const CaseProgress& ended) {
    heard.push_back(std::to_string(ended.done) + "/" + std::to_string(ended.total));
  };
  int asked = 0;
  listener.should_stop = [&] { return ++asked > 2; };
  shard(1, 3);
  listener.should_stop = [] { return false; };
  shard(1, 3);
  EXPECT_THAT(heard, ::testing::ElementsAre("1/3", "2/3", "3/3"));
}

TEST_F(JointRun, StopsWhenItIsAsked) {
  int asked = 0;
  listener.should_stop = [&] { return ++asked > 2; };
  const auto outcome = shard(1, 1);
  EXPECT_TRUE(outcome.report.interrupted);
  EXPECT_EQ(outcome.exit_code(), 5);
  EXPECT_GT(outcome.left, 0);
  listener.should_stop = [] { return false; };
  EXPECT_EQ(shard(1, 1).left, 0);
  EXPECT_EQ(session()->seal(archive(), {}, false).exit_code(), 0);
}

TEST_F(JointRun, CountsFailuresOfEarlierProcessesUntilAResumeRepeatsThem) {
  cases.push_back(broken_case());
  EXPECT_EQ(shard(1, 1).failed, 1);
  const auto again = shard(1, 1);
  EXPECT_EQ(again.failed, 1);
  EXPECT_TRUE(again.report.failures.empty());
  EXPECT_EQ(again.exit_code(), 5);
  EXPECT_EQ(shard(1, 1, true).report.failures.size(), 1u);
}

TEST_F(JointRun, MeasuresACaseWithoutAFolder) {
  const auto bytes = session()->measure_case(2);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(*bytes, sizeof(double));
  EXPECT_FALSE(fs::exists(run()));
}

TEST_F(JointRun, IsPlannedOnce) {
  EXPECT_TRUE(session()->plan_shared(archive(), {"words"}));
  EXPECT_FALSE(session()->plan_shared(archive(), {"words"}));
  EXPECT_EQ(count_units(run()), 0u);
}

TEST_F(JointRun, IsNotSealedBeforeAllCasesAreOver) {
  shard(1, 2);
  EXPECT_THAT(message_of<UsageError>([&] { session()->seal(archive(), {}, false); }),
              HasSubstr("have not run: 'case-"));
}

TEST_F(JointRun, IsNotTakenOverByAProcessThatDoesNotResume) {
  shard(1, 2);
  EXPECT_THAT(message_of<UsageError>([&] { session()->execute(archive(), {}); }),
              HasSubstr("several processes share"));
  EXPECT_EQ(session(true)->execute(archive(), {}).exit_code(), 0);
  EXPECT_TRUE(fs::exists(archive()));
}

}  // namespace
}  // namespace lensbench
