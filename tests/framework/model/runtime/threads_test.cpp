#include "model/runtime/threads.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <lensbench/error.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "model/runtime/parallel.hpp"

namespace lensbench {
namespace {

/// Sets the threads and puts back what was there.
class WithThreads {
 public:
  explicit WithThreads(int threads) { set_threads(threads); }
  ~WithThreads() { set_threads(before_); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;

 private:
  int before_ = thread_report().threads;
};

TEST(Threads, ReportsTheNumberThatWasSet) {
  const WithThreads three(3);
  EXPECT_EQ(thread_report().threads, 3);
}

TEST(Threads, RefusesLessThanOne) {
  EXPECT_THROW(set_threads(0), UsageError);
}

TEST(ForEachParallel, VisitsEveryIndexOnce) {
  const WithThreads three(3);
  std::vector<std::atomic<int>> visits(1000);
  for_each_parallel(1000, [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
  for (const std::atomic<int>& count : visits) EXPECT_EQ(count, 1);
}

TEST(ForEachParallel, WorksOnAsManyThreadsAsWereSet) {
  const WithThreads two(2);
  std::atomic<int> inside = 0;
  // Each of the two can only end when the other has begun.
  for_each_parallel(2, [&](std::int64_t) {
    ++inside;
    while (inside < 2) std::this_thread::yield();
  });
  EXPECT_EQ(inside, 2);
}

TEST(ForEachParallel, ThrowsWhatTheWorkThrew) {
  const WithThreads two(2);
  EXPECT_THROW(for_each_parallel(100,
                                 [](std::int64_t i) {
                                   if (i == 40) throw std::out_of_range("forty");
                                 }),
               std::out_of_range);
}

TEST(ForEachParallel, WorksWithinItselfAndFromSeveralThreads) {
  const WithThreads three(3);
  std::atomic<int> visits = 0;
  const auto nested = [&] {
    for_each_parallel(5,
                      [&](std::int64_t) { for_each_parallel(7, [&](std::int64_t) { ++visits; }); });
  };
  {
    const std::jthread one(nested), two(nested);
    nested();
  }
  EXPECT_EQ(visits, 3 * 5 * 7);
}

TEST(ForEachParallel, FinishesManyShortCallsWithAChangingNumberOfThreads) {
  std::atomic<std::int64_t> sum = 0;
  for (int call = 0; call < 2000; ++call) {
    const WithThreads some(1 + call / 50 % 4);
    for_each_parallel(4, [&](std::int64_t i) { sum += i; });
  }
  EXPECT_EQ(sum, 2000 * 6);
}

TEST(ForEachParallel, WorksInAProcessThatForkedAfterIt) {
  const WithThreads two(2);
  for_each_parallel(2, [](std::int64_t) {});
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<int> visits = 0;
    for_each_parallel(10, [&](std::int64_t) { ++visits; });
    _exit(visits == 10 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(ForEachOnThreads, WorksOnAsManyThreadsAsItIsGiven) {
  const WithThreads one(1);
  std::atomic<int> inside = 0;
  // Each of the three can only end when the others have begun.
  for_each_on_threads(3, 3, [&](std::int64_t) {
    ++inside;
    while (inside < 3) std::this_thread::yield();
  });
  EXPECT_EQ(inside, 3);
}

TEST(ForEachOnThreads, ThrowsWhatTheWorkThrew) {
  EXPECT_THROW(for_each_on_threads(2, 10,
                                   [](std::int64_t i) {
                                     if (i == 4) throw std::out_of_range("four");
                                   }),
               std::out_of_range);
}

TEST(ForEachOnThreads, KeepsTheLoopsWithinAPieceOnItsThread) {
  const WithThreads three(3);
  std::atomic<int> visits = 0, elsewhere = 0;
  for_each_on_threads(2, 4, [&](std::int64_t) {
    const auto own = std::this_thread::get_id();
    for_each_parallel(100, [&](std::int64_t) {
      ++visits;
      if (std::this_thread::get_id() != own) ++elsewhere;
    });
  });
  EXPECT_EQ(visits, 400);
  EXPECT_EQ(elsewhere, 0);
}

TEST(ForEachOnThreads, LeavesTheLoopsOfASingleThreadAllThreads) {
  const WithThreads two(2);
  std::atomic<int> inside = 0;
  for_each_on_threads(1, 1, [&](std::int64_t) {
    for_each_parallel(2, [&](std::int64_t) {
      ++inside;
      while (inside < 2) std::this_thread::yield();
    });
  });
  EXPECT_EQ(inside, 2);
}

TEST(ForEachParallel, DoesNothingForNothing) {
  for_each_parallel(0, [](std::int64_t) { FAIL(); });
}

}  // namespace
}  // namespace lensbench
