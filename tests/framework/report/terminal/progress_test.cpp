#include "report/terminal/progress.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace lensbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A bar that writes into a pipe, with a clock that the test moves.
class ProgressOnPipe : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe(ends_.data()), 0); }
  void TearDown() override {
    close(ends_[0]);
    if (open_) close(ends_[1]);
  }

  ProgressBar bar(std::int64_t total, bool live) {
    TerminalStyle style;
    style.columns = 60;
    return {total, ends_[1], "cases", live, style, [this] { return now_; }};
  }
  void wait(int ms) { now_ += milliseconds(ms); }

  std::string written() {
    close(ends_[1]);
    open_ = false;
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t n; (n = read(ends_[0], buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(n));
    return text;
  }

 private:
  std::array<int, 2> ends_{};
  bool open_ = true;
  steady_clock::time_point now_{};
};

TEST_F(ProgressOnPipe, WritesAPlainLineAtMostEveryTenSecondsToALog) {
  ProgressBar progress = bar(100, false);
  for (int done = 1; done <= 25; ++done) {
    wait(1000);
    progress.step(done, done > 15 ? 1 : 0);
  }
  progress.finish();
  EXPECT_EQ(written(),
            "10 of 100 cases, about 1:30 left\n"
            "20 of 100 cases, 1 failed, about 1:20 left\n");
}

TEST_F(ProgressOnPipe, DrawsOneLineOverItselfAndErasesItInATerminal) {
  ProgressBar progress = bar(4, true);
  wait(30000);
  progress.step(1);
  progress.finish();
  EXPECT_EQ(written(),
            "\r\x1b[K1/4 cases ████████░░░░░░░░░░░░░░░░░░░░░░░░░ 25 %, 1:30 left\r\x1b[K");
}

TEST_F(ProgressOnPipe, DrawsAtMostTenTimesASecondButAlwaysTheLastCase) {
  ProgressBar progress = bar(50, true);
  for (int done = 1; done <= 50; ++done) {
    wait(10);
    progress.step(done);
  }
  const std::string text = written();
  int drawn = 0;
  for (std::size_t at = 0; (at = text.find("\r\x1b[K", at)) != std::string::npos; ++at) ++drawn;
  EXPECT_GE(drawn, 5);
  EXPECT_LE(drawn, 6);  // half a second, and the end
  EXPECT_NE(text.find("50/50"), std::string::npos);
}

TEST_F(ProgressOnPipe, ErasesItselfWhenAnErrorEndsTheRun) {
  {
    ProgressBar progress = bar(4, true);
    progress.step(1);
  }
  EXPECT_TRUE(written().ends_with("\r\x1b[K"));
}

TEST(ClockText, CountsInSecondsMinutesAndHours) {
  EXPECT_EQ(clock_text(6.2), "0:07");
  EXPECT_EQ(clock_text(750), "12:30");
  EXPECT_EQ(clock_text(3 * 3600 + 300), "3:05:00");
}

}  // namespace
}  // namespace lensbench
