#include "e2e/shards_fixture.hpp"

// `lensbench plan`: what a run of many processes will be, before a scheduler queues it.

namespace lensbench {
namespace {

class PlanCommand : public testing::ShardsTest {
 protected:
  Outcome plan(const std::string& archive, const std::vector<std::string>& more = {}) {
    auto all = words(archive);
    all[0] = "plan";
    all.insert(all.end(), more.begin(), more.end());
    return lensbench(std::move(all));
  }
};

TEST_F(PlanCommand, PrintsTheCasesThePartsAndWhatToSubmit) {
  const Outcome planned = plan("a.h5", {"--shards", "3"});
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_THAT(planned.out, AllOf(HasSubstr("6 cases"), HasSubstr("3 parts, with 2 cases"),
                                 HasSubstr("Results: about"), HasSubstr("sbatch --array=1-3"),
                                 HasSubstr("::: $(seq 3)"), HasSubstr("--shard $i/3"),
                                 HasSubstr("lensbench seal " + folder("a.h5").string())));
  EXPECT_TRUE(fs::exists(folder("a.h5") / "plan/READY"));
  EXPECT_FALSE(fs::exists(folder("a.h5") / "environment.json"));
}

TEST_F(PlanCommand, NamesACommandThatTheShellTakes) {
  const json planned = json::parse(plan("a.h5", {"--shards", "2", "--json", "--no-measure"}).out);
  EXPECT_TRUE(planned["bytes"].is_null());
  EXPECT_EQ(planned["parts"].size(), 2u);
  const std::string path = std::string("PATH=") + testing::build_folder() + "/bin:$PATH; ";
  const Outcome ran =
      testing::run({"/bin/bash", "-c", path + planned["commands"]["shell"].get<std::string>()});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const Outcome sealed =
      testing::run({"/bin/bash", "-c", path + planned["commands"]["seal"].get<std::string>()});
  EXPECT_EQ(sealed.exit_code, 0) << sealed.err;
  EXPECT_TRUE(fs::exists(directory_ / "a.h5"));
}

TEST_F(PlanCommand, ChangesNothingOfARunThatIsPlanned) {
  ASSERT_EQ(plan("a.h5", {"--no-measure"}).exit_code, 0);
  ASSERT_EQ(shard("a.h5", "1/2").exit_code, 0);
  const Outcome again = plan("a.h5", {"--no-measure"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, StartsWith("Planned before: "));
  const Outcome other = plan("a.h5", {"--no-measure", "--seed", "4"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("another request"));
  run_and_seal("a.h5", {"2/2"});
}

TEST_F(PlanCommand, PlansToolsToo) {
  name_ = "logit_lens";
  const Outcome planned = plan("a.h5", {"--no-measure", "--shards", "2"});
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_THAT(planned.out, HasSubstr("lensbench tool logit_lens "));
  command_ = "tool";
  run_and_seal("a.h5", {"2/2", "1/2"});
}

TEST_F(PlanCommand, SaysHowOftenARunOfSeveralPassesIsSubmitted) {
  name_ = "two_passes";
  const Outcome planned = plan("a.h5");
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_THAT(planned.out, AllOf(HasSubstr("2 passes"), HasSubstr("Submit them 2 times")));
}

TEST_F(PlanCommand, RefusesMorePartsThanCases) {
  const Outcome outcome = plan("a.h5", {"--shards", "7"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("has only 6 cases"));
  EXPECT_FALSE(fs::exists(folder("a.h5")));
}

TEST_F(PlanCommand, RefusesWhatARunWouldRefuse) {
  const Outcome outcome = plan("a.h5", {"--set", "no_such_parameter=1"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_FALSE(fs::exists(folder("a.h5")));
}

}  // namespace
}  // namespace lensbench
