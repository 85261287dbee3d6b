#include "cli/commands/run/plan_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lensbench::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

PlannedRun planned_run() {
  PlannedRun plan;
  plan.folder = "results/it's.run";
  plan.command = "lensbench run first_look --model m --out \"a b.h5\"";
  plan.cases = 25;
  plan.tokens = 100;
  plan.parts = {{13, 48}, {12, 52}};
  plan.blocks = 25;
  return plan;
}

TEST(TextOfAPlan, HasThePartsAndTheCommandsOfTheirSchedulers) {
  const std::string text = plan_text(planned_run());
  EXPECT_THAT(text, StartsWith("Planned results/it's.run\n"));
  EXPECT_THAT(text,
              AllOf(HasSubstr("25 cases, 100 tokens\n"),
                    HasSubstr("2 parts, with 12 to 13 cases and 48 to 52 tokens each\n"),
                    HasSubstr("parallel -q lensbench run first_look --model m --out \"a b.h5\" "
                              "--shard {}/2 ::: $(seq 2)\n")));
  // The shell of the job replaces the number, not the one that submits it.
  EXPECT_THAT(text,
              HasSubstr("--wrap 'exec lensbench run first_look --model m --out \"a b.h5\" --shard "
                        "$SLURM_ARRAY_TASK_ID/2'\n"));
  EXPECT_THAT(text, Not(HasSubstr("times, each time")));
}

TEST(TextOfAPlan, SaysThatTheSizeIsNotKnown) {
  EXPECT_THAT(plan_text(planned_run()), HasSubstr("size not known"));
}

TEST(TextOfAPlan, HasTheSizeInUnitsOfThousands) {
  PlannedRun plan = planned_run();
  plan.measured = "line-3";
  for (const auto& [bytes, words] :
       {std::pair(999.0, "about 999 bytes "), std::pair(1000.0, "about 1.0 kB "),
        std::pair(4.84e12, "about 4.8 TB ")}) {
    plan.bytes = bytes;
    EXPECT_THAT(plan_text(plan), AllOf(HasSubstr(words), HasSubstr("'line-3'")));
  }
}

TEST(TextOfAPlan, OfSeveralPassesSaysHowOftenTheyAreSubmitted) {
  PlannedRun plan = planned_run();
  plan.passes = 3;
  plan.bytes = 10;
  EXPECT_THAT(plan_text(plan), AllOf(HasSubstr("3 passes"), HasSubstr("Submit them 3 times"),
                                     HasSubstr("in the first pass")));
}

TEST(TextOfAPlan, IsAlsoJson) {
  PlannedRun plan = planned_run();
  plan.is_new = false;
  const auto facts = plan_json(plan);
  EXPECT_EQ(facts["cases"], 25);
  EXPECT_EQ(facts["parts"][1]["tokens"], 52);
  EXPECT_TRUE(facts["bytes"].is_null());
  EXPECT_EQ(facts["new"], false);
  EXPECT_EQ(facts["commands"]["seal"], "lensbench seal 'results/it'\\''s.run'");
}

TEST(MedianCase, IsInTheMiddleOfThoseWithTokens) {
  EXPECT_EQ(median_case({5, 1, 9}), 0u);
  EXPECT_EQ(median_case({0, 0, 7, 0}), 2u);
  EXPECT_EQ(median_case({0, 0}), std::nullopt);
  EXPECT_EQ(median_case({}), std::nullopt);
}

TEST(WordsOfRun, AreThoseOfThePlanWithoutItsOwnOptions) {
  EXPECT_THAT(words_of_run({"first_look", "--shards", "8", "--model", "m", "--no-measure"}),
              ElementsAre("first_look", "--model", "m"));
  EXPECT_THAT(words_of_run({"--shards=8", "--json", "x"}), ElementsAre("x"));
  EXPECT_THAT(words_of_run({}), IsEmpty());
}

}  // namespace
}  // namespace lensbench::cli
