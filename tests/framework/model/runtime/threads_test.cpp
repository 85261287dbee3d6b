#include "model/runtime/threads.hpp"

#include <gtest/gtest.h>

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

TEST(ForEachParallel, DoesNothingForNothing) {
  for_each_parallel(0, [](std::int64_t) { FAIL(); });
}

}  // namespace
}  // namespace lensbench
