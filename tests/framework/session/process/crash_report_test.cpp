#include "session/process/crash_report.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

// What is said when code of a plug-in crashes. Each test ends a process of its own. A sanitizer has
// handlers of its own, which stay.

#ifndef __SANITIZE_ADDRESS__

namespace lensbench {
namespace {

void crash_at_a_place() {
  CrashReport report("; go on");
  report.note("case 'a', tool 'x'");
  raise(SIGSEGV);
}

void write_to_read_only_memory() {
  CrashReport report("; go on");
  auto* memory =
      static_cast<char*>(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  *static_cast<volatile char*>(memory) = 1;
}

void crash_after_a_report() {
  {
    CrashReport ended("; go on");
    ended.note("case 'a'");
  }
  raise(SIGSEGV);
}

/// One thread notes what it runs and waits; a crash is in this one or in another, which may note
/// something itself.
void crash_in_one_of_two_threads(const std::string& noted) {
  CrashReport report("; go on");
  report.note("one of these: case 'a'; case 'b'");
  std::atomic<bool> waits = false;
  std::thread other([&] {
    report.note_of_thread("case 'a'");
    waits = true;
    for (;;) pause();
  });
  while (!waits) std::this_thread::yield();
  report.note_of_thread(noted);
  raise(SIGSEGV);
  other.join();
}

class CrashReports : public ::testing::Test {
 protected:
  CrashReports() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(CrashReports, SayWhatRanAndEndByTheSignal) {
  EXPECT_EXIT(crash_at_a_place(), ::testing::KilledBySignal(SIGSEGV),
              "lensbench: case 'a', tool 'x': the process crashed; go on\n");
}

TEST_F(CrashReports, SayThatReadOnlyMemoryWasWritten) {
  EXPECT_EXIT(write_to_read_only_memory(), ::testing::KilledBySignal(SIGSEGV),
              "lensbench: the run: the process crashed in a write to memory that is read-only");
}

TEST_F(CrashReports, NameTheThreadThatCrashed) {
  EXPECT_EXIT(crash_in_one_of_two_threads("case 'b'"), ::testing::KilledBySignal(SIGSEGV),
              "^lensbench: case 'b': the process crashed; go on\n$");
}

// Such as a thread that a tool began.
TEST_F(CrashReports, NameAllWhereTheThreadThatCrashedNotedNothing) {
  EXPECT_EXIT(crash_in_one_of_two_threads(""), ::testing::KilledBySignal(SIGSEGV),
              "^lensbench: one of these: case 'a'; case 'b': the process crashed; go on\n$");
}

TEST_F(CrashReports, SayNothingAfterTheRun) {
  EXPECT_EXIT(crash_after_a_report(), ::testing::KilledBySignal(SIGSEGV), "^$");
}

}  // namespace
}  // namespace lensbench

#endif
