#include <algorithm>
#include <fstream>

#include "e2e/shards_fixture.hpp"

// What is refused of a run of several processes: one sentence, and nothing is lost.

namespace lensbench {
namespace {

class ShardErrors : public testing::ShardsTest {
 protected:
  /// Replaces a fact that the first process kept.
  void change_environment(const std::string& archive, const std::string& fact) const {
    const fs::path file = folder(archive) / "environment.json";
    json facts = json::parse(testing::slurp(file));
    facts[fact] = "another";
    fs::remove(file);
    std::ofstream(file) << facts.dump();
  }
};

TEST_F(ShardErrors, NumbersThatAreNotOfThePlan) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"0/2", "1/2 to 2/2"},        {"3/2", "1/2 to 2/2"},      {"1/0", "at least 1 part"},
      {"1", "expected NUMBER"},     {"a/b", "expected NUMBER"}, {"-1/2", "expected NUMBER"},
      {"1/2/3", "expected NUMBER"}, {"1/7", "has only 6 cases"}};
  for (const auto& [which, reason] : wrong) {
    const Outcome outcome = shard("a.h5", which);
    EXPECT_EQ(outcome.exit_code, 2) << which;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("--shard"), HasSubstr(reason))) << which;
    EXPECT_FALSE(fs::exists(folder("a.h5"))) << which;
  }
}

TEST_F(ShardErrors, AShardWithoutTheNameOfItsRun) {
  const Outcome outcome = lensbench({"run", "prediction_trajectory", "--model", kModel, "--prompt",
                                     "the LORD", "--shard", "1/1"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--shard needs --out"));
}

TEST_F(ShardErrors, MissingShardsAreNamedByTheirCases) {
  ASSERT_EQ(shard("a.h5", "1/3").exit_code, 0);
  ASSERT_EQ(shard("a.h5", "2/3").exit_code, 0);
  const Outcome early = seal("a.h5");
  EXPECT_EQ(early.exit_code, 2);
  EXPECT_THAT(early.err, AllOf(HasSubstr("2 of 6 cases have not run: 'line-5', 'line-6'"),
                               HasSubstr("run the shards again")));
  EXPECT_FALSE(fs::exists(directory_ / "a.h5"));
  run_and_seal("a.h5", {"3/3"});
  run_and_seal("whole.h5", {"1/1"});
  EXPECT_EQ(file_digest("a.h5"), file_digest("whole.h5"));
}

TEST_F(ShardErrors, AnotherEnvironmentIsNamedByItsField) {
  ASSERT_EQ(shard("a.h5", "1/2").exit_code, 0);
  change_environment("a.h5", "cpu");
  const Outcome refused = shard("a.h5", "2/2");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("another environment"), HasSubstr("cpu was \"another\"")));
  // The summary is computed too.
  EXPECT_EQ(seal("a.h5").exit_code, 2);
  EXPECT_TRUE(fs::exists(folder("a.h5") / "plan/READY"));
}

// A seal that is tried too early on another machine keeps nobody from computing.
TEST_F(ShardErrors, ASealBeforeTheFirstCaseDoesNotDecideTheEnvironment) {
  auto planned = words("a.h5");
  planned[0] = "plan";
  planned.push_back("--no-measure");
  ASSERT_EQ(lensbench(planned).exit_code, 0);
  EXPECT_EQ(seal("a.h5").exit_code, 2);
  EXPECT_FALSE(fs::exists(folder("a.h5") / "environment.json"));
}

TEST_F(ShardErrors, AnotherNumberOfThreadsIsAnotherEnvironment) {
  ASSERT_EQ(shard("a.h5", "1/2").exit_code, 0);
  auto all = words("a.h5");
  *(std::find(all.begin(), all.end(), "--threads") + 1) = "2";
  all.insert(all.end(), {"--shard", "2/2"});
  const Outcome refused = lensbench(std::move(all));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("threads"));
}

TEST_F(ShardErrors, AnotherRequestIsNamedByItsDifference) {
  ASSERT_EQ(shard("a.h5", "1/2").exit_code, 0);
  const Outcome refused = shard("a.h5", "2/2", {"--seed", "3"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("/request/seed was 0, now 3"));
}

TEST_F(ShardErrors, CasesThatFailAreResultsToo) {
  more_ = {"--ids", "1000000000"};
  const Outcome whole = run("whole.h5");
  EXPECT_EQ(whole.exit_code, 5);
  // The case of --ids comes before those of the file.
  const Outcome failed = shard("a.h5", "1/2");
  EXPECT_EQ(failed.exit_code, 5);
  EXPECT_THAT(failed.err, AllOf(HasSubstr("'ids-1' failed"), HasSubstr("(1 failed)")));
  EXPECT_EQ(shard("a.h5", "2/2").exit_code, 0);
  // A shard that runs again leaves failures as they are.
  const Outcome again = shard("a.h5", "1/2");
  EXPECT_EQ(again.exit_code, 5);
  EXPECT_THAT(again.err, AllOf(Not(HasSubstr("'ids-1' failed")), HasSubstr("--resume")));
  const Outcome sealed = seal("a.h5");
  EXPECT_EQ(sealed.exit_code, 5);
  EXPECT_THAT(sealed.err, HasSubstr("'ids-1' failed"));
  EXPECT_EQ(digest("a.h5", "results_sha256"), digest("whole.h5", "results_sha256"));
}

TEST_F(ShardErrors, ARunOfFailuresAloneIsNotSealed) {
  const std::vector<std::string> all = {
      "run",   "prediction_trajectory", "--model",   kModel, "--ids",   "1000000000",
      "--out", directory_ / "a.h5",     "--threads", "1",    "--shard", "1/1"};
  EXPECT_EQ(lensbench(all).exit_code, 5);
  const Outcome sealed = seal("a.h5");
  EXPECT_EQ(sealed.exit_code, 5);
  EXPECT_THAT(sealed.err, HasSubstr("every case failed"));
  EXPECT_FALSE(fs::exists(directory_ / "a.h5"));
}

TEST_F(ShardErrors, AFolderThatIsNotOfARunIsNotSealed) {
  const Outcome none = lensbench({"seal", directory_.path()});
  EXPECT_EQ(none.exit_code, 3);
  run_and_seal("a.h5", {"1/1"});
  const Outcome again = seal("a.h5");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("sealed already"));
}

}  // namespace
}  // namespace lensbench
