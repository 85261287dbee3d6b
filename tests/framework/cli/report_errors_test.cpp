#include "cli/report_errors.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

// What a command throws, which code of a plug-in may be the source of.

namespace lensbench::cli {
namespace {

/// What is said about an exception, and that it is not a success.
template <class Thrown>
std::string message_about(const Thrown& thrown) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(report_errors([&]() -> int { throw thrown; }), 5);
  return ::testing::internal::GetCapturedStderr();
}

TEST(ReportErrors, SayTheTextOfAnException) {
  EXPECT_EQ(message_about(std::runtime_error("no disk")), "lensbench: no disk\n");
}

TEST(ReportErrors, SayATextThatIsThrown) {
  EXPECT_EQ(message_about(std::string("boom")), "lensbench: boom\n");
}

TEST(ReportErrors, SayThatSomethingElseWasThrown) {
  EXPECT_EQ(message_about(42),
            "lensbench: code of a plug-in threw something that is not a std::exception\n");
}

}  // namespace
}  // namespace lensbench::cli
