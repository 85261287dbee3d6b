#include "grading/scores/ranking.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "grading/scores/bootstrap.hpp"

namespace lensbench::grading {
namespace {

using ::testing::ElementsAre;

constexpr double kUnanswered = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> kScores = {0.9, 0.1, 0.4, 0.4, 0.0, 0.4, 0.7, 0.0};
const std::vector<bool> kMember = {true, false, true, false, false, false, true, true};

// The values of tests/parity/grading_reference.py.
TEST(Ranking, AgreesWithItsDefinition) {
  EXPECT_NEAR(auroc(kScores, kMember), 23.0 / 32, 1e-12);
  EXPECT_NEAR(average_precision(kScores, kMember), 697.0 / 840, 1e-12);
}

TEST(Ranking, OfTiedScoresIsOneHalf) {
  EXPECT_EQ(auroc({1, 1, 1}, {true, false, false}), 0.5);
  // One member of three equal items: the mean of 1, 1/2 and 1/3.
  EXPECT_NEAR(average_precision({1, 1, 1}, {true, false, false}), (1 + 1.0 / 2 + 1.0 / 3) / 3,
              1e-15);
}

TEST(Ranking, PutsWhatWasNotAnsweredLast) {
  EXPECT_EQ(auroc({kUnanswered, 0.0}, {true, false}), 0);
  EXPECT_EQ(auroc({kUnanswered, kUnanswered}, {true, false}), 0.5);
  EXPECT_THAT(ranks_from_largest({kUnanswered, -1, 2, kUnanswered}), ElementsAre(3.5, 2, 1, 3.5));
}

TEST(Ranking, NeedsMembersAndOthers) {
  EXPECT_TRUE(std::isnan(auroc({1, 2}, {true, true})));
  EXPECT_TRUE(std::isnan(auroc({1, 2}, {false, false})));
  EXPECT_TRUE(std::isnan(average_precision({1, 2}, {false, false})));
}

TEST(HierarchicalDraws, TakeModelsWithinKindsAndPromptsWithinTasks) {
  // Kind a has two models, of two tasks and of one; kind b has one.
  const std::vector<SampledTask> tasks = {
      {"a", "a1", 3}, {"a", "a1", 2}, {"a", "a2", 4}, {"b", "b1", 5}};
  bool both = false, one_twice = false;
  for (const Draw& draw : hierarchical_draws(tasks, 200, 1)) {
    std::vector<int> drawn(4);
    for (const Draw::Part& part : draw.parts) {
      ++drawn[part.task];
      ASSERT_EQ(part.prompts.size(), tasks[part.task].prompts);
      for (const std::size_t prompt : part.prompts) ASSERT_LT(prompt, tasks[part.task].prompts);
    }
    ASSERT_EQ(drawn[0], drawn[1]);      // the tasks of a model come together
    ASSERT_EQ(drawn[0] + drawn[2], 2);  // as many models as the kind has
    ASSERT_EQ(drawn[3], 1);
    both = both || drawn[0] == 1;
    one_twice = one_twice || drawn[0] == 2;
  }
  EXPECT_TRUE(both);
  EXPECT_TRUE(one_twice);
}

TEST(HierarchicalDraws, AreThoseOfTheSeed) {
  const std::vector<SampledTask> tasks = {{"a", "a1", 6}, {"a", "a2", 6}};
  const auto prompts = [&](std::uint64_t seed) {
    return hierarchical_draws(tasks, 1, seed)[0].parts[0].prompts;
  };
  EXPECT_EQ(prompts(3), prompts(3));
  EXPECT_NE(prompts(3), prompts(4));
}

// The mean of n = 400 prompts, half of them 0 and half 1, has the standard error 1/40: the interval
// is 0.5 -+ 1.96/40. Over 2000 draws its ends vary by less than 0.005 (binomial order statistics).
TEST(HierarchicalDraws, GiveTheIntervalOfAMean) {
  const auto draws = hierarchical_draws({{"a", "a1", 400}}, 2000, 5);
  std::vector<double> means;
  for (const Draw& draw : draws) {
    double sum = 0;
    for (const std::size_t prompt : draw.parts[0].prompts) sum += prompt % 2 == 0 ? 0 : 1;
    means.push_back(sum / 400);
  }
  const auto interval = interval_of(means);
  EXPECT_NEAR(interval.low, 0.5 - 1.96 / 40, 0.006);
  EXPECT_NEAR(interval.high, 0.5 + 1.96 / 40, 0.006);
}

}  // namespace
}  // namespace lensbench::grading
