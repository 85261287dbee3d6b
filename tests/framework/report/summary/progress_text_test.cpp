#include "report/summary/progress_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProgressText, HasTheRateAndTheTimeThatIsLeft) {
  SharedProgress progress;
  progress.units = 30;
  progress.planned = 90;
  progress.seconds = 60;
  progress.writers = {{"node-a", "1", 10, 20}, {"node-b", "2", 20, 60}};
  // 30 cases in a minute: 60 more take 2 minutes.
  const std::string text = progress_text(progress);
  EXPECT_THAT(text,
              AllOf(HasSubstr("Progress: 30 of 90"), HasSubstr("Rate: 0.5 cases a second"),
                    HasSubstr("2:00 more for 60"), HasSubstr("Processes that have written: 2")));
  EXPECT_LT(text.find("part 2 on node-b: 20, the last after 1:00"),
            text.find("part 1 on node-a: 10, the last after 0:20"));
}

TEST(ProgressText, HasNoRateBeforeTheFirstCase) {
  SharedProgress progress;
  progress.planned = 3;
  EXPECT_THAT(progress_text(progress),
              AllOf(HasSubstr("Progress: 0 of 3"), Not(HasSubstr("Rate"))));
}

TEST(ProgressText, NamesTheLastProcessesOfMany) {
  SharedProgress progress;
  progress.units = progress.planned = 25;
  progress.seconds = 25;
  for (int i = 1; i <= 25; ++i)
    progress.writers.push_back({"node", std::to_string(i), 1, static_cast<double>(i)});
  const std::string text = progress_text(progress);
  EXPECT_THAT(text, AllOf(HasSubstr("part 25 on node"), HasSubstr("part 6 on node"),
                          Not(HasSubstr("part 5 on node")), HasSubstr("and 5 more")));
  EXPECT_THAT(text, Not(HasSubstr("at this rate")));
}

}  // namespace
}  // namespace lensbench
