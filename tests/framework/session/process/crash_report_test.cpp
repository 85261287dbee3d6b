#include "session/process/crash_report.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

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

TEST_F(CrashReports, SayNothingAfterTheRun) {
  EXPECT_EXIT(crash_after_a_report(), ::testing::KilledBySignal(SIGSEGV), "^$");
}

}  // namespace
}  // namespace lensbench

#endif
