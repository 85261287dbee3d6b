#include "session/process/exit_guard.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

// What is said when code of a plug-in ends the process. Each test ends a process of its own.

namespace lensbench {
namespace {

void exit_within_two_guards() {
  const ExitGuard outer([] { return std::string("outer"); });
  const ExitGuard inner([] { return std::string("inner"); });
  std::exit(0);
}

void exit_after_the_inner_of_two_guards() {
  const ExitGuard outer([] { return std::string("outer"); });
  {
    const ExitGuard inner([] { return std::string("inner"); });
  }
  std::exit(0);
}

void exit_after_a_guard() {
  {
    const ExitGuard ended([] { return std::string("ended"); });
  }
  std::exit(3);
}

class ExitGuards : public ::testing::Test {
 protected:
  ExitGuards() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ExitGuards, EndTheProcessWithTheMessageOfTheLatest) {
  EXPECT_EXIT(exit_within_two_guards(), ::testing::ExitedWithCode(5), "lensbench: inner\n");
}

TEST_F(ExitGuards, EndItWithTheMessageOfTheOuterOneAfterTheInnerHasEnded) {
  EXPECT_EXIT(exit_after_the_inner_of_two_guards(), ::testing::ExitedWithCode(5),
              "lensbench: outer\n");
}

TEST_F(ExitGuards, LetItEndAsItWasAskedToAfterTheyHaveEnded) {
  EXPECT_EXIT(exit_after_a_guard(), ::testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace lensbench
