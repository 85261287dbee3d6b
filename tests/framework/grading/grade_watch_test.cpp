#include "grading/run/grade_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <string>

#include "model/runtime/parallel.hpp"

namespace lensbench::grading {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Keeps the longest note.
class LastNote final : public RecordStore {
 public:
  std::optional<TaskRecord> find(std::size_t) override { return std::nullopt; }
  void keep(std::size_t, const TaskRecord&) override {}
  void note(const std::string& now) override { last = now; }
  std::string advice() const override { return "; try again"; }

  std::string last;
};

/// Each of several threads notes a text of 50 letters, and waits until all have.
std::string note_of_threads(std::int64_t threads) {
  LastNote store;
  GradeWatch watch(store);
  std::mutex one_at_a_time;
  std::atomic<std::int64_t> noted = 0;
  std::string of_all;
  for_each_on_threads(threads, threads, [&](std::int64_t thread) {
    {
      const std::lock_guard lock(one_at_a_time);
      watch.note(std::string(50, static_cast<char>('a' + thread)));
    }
    ++noted;
    while (noted < threads) std::this_thread::yield();
    const std::lock_guard lock(one_at_a_time);
    if (of_all.empty()) of_all = store.last;
    watch.note("");
  });
  EXPECT_EQ(store.last, "");
  return of_all;
}

TEST(GradeWatch, NamesWhatTheOnlyThreadRuns) {
  EXPECT_EQ(note_of_threads(1), std::string(50, 'a'));
}

TEST(GradeWatch, NamesWhatEachOfSeveralThreadsRuns) {
  EXPECT_THAT(note_of_threads(3),
              AllOf(StartsWith("one of these: "), HasSubstr(std::string(50, 'a')),
                    HasSubstr(std::string(50, 'b')), HasSubstr(std::string(50, 'c'))));
}

// 14 letters before the first of 18 texts of 50 letters with "; " between them are 948; the next
// text would end at 1000.
TEST(GradeWatch, CountsWhatDoesNotFit) {
  const std::string note = note_of_threads(24);
  EXPECT_LT(note.size(), 1000u);
  EXPECT_THAT(note, EndsWith("; and 6 more"));
}

#ifndef __SANITIZE_ADDRESS__  // it reports crashes itself
/// Of three threads, which wait for each other, the second one crashes.
void crash_in_the_second_thread() {
  LastNote store;
  GradeWatch watch(store);
  std::mutex one_at_a_time;
  std::atomic<std::int64_t> noted = 0;
  for_each_on_threads(3, 3, [&](std::int64_t thread) {
    {
      const std::lock_guard lock(one_at_a_time);
      watch.note("task '" + std::to_string(thread) + "'");
    }
    ++noted;
    while (noted < 3) std::this_thread::yield();
    if (thread == 1) raise(SIGSEGV);
    for (;;) pause();
  });
}

TEST(GradeWatch, NamesWhatTheThreadThatCrashedRan) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(crash_in_the_second_thread(), ::testing::KilledBySignal(SIGSEGV),
              "^lensbench: task '1': the process crashed; try again\n$");
}
#endif

}  // namespace
}  // namespace lensbench::grading
