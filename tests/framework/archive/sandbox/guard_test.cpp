#include "archive/sandbox/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

// Messages about a confined child that did not end by itself.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::TempDir;

template <class Failure>
std::string end_by(int signal) {
  const TempDir dir;
  const auto file = dir.write("a.h5", "x");
  return message_of<Failure>([&] {
    in_child({{file}}, [&] {
      std::signal(signal, SIG_DFL);  // sanitizers handle some signals and exit instead
      ::raise(signal);
      return 0;
    });
  });
}

// The kernel ends a process with SIGKILL when memory is exhausted.
TEST(ConfinedChild, ThatWasKilledEarlyDidNotTakeTooMuchTime) {
  EXPECT_THAT(end_by<RunError>(SIGKILL),
              AllOf(HasSubstr("a.h5: the process that read it was killed"), HasSubstr("memory"),
                    Not(HasSubstr("more time"))));
}

TEST(ConfinedChild, ThatCrashedIsADamagedArchive) {
  EXPECT_THAT(end_by<InputError>(SIGSEGV), HasSubstr("a.h5: damaged archive: reading it ended in"));
}

TEST(ConfinedChild, WithTheSignalOfTheTimeLimitTookTooMuchTime) {
  EXPECT_THAT(end_by<InputError>(SIGXCPU), HasSubstr("takes more time than is allowed"));
}

/// A soft limit that equals the hard one makes the kernel send SIGKILL and not SIGXCPU.
[[noreturn]] void read_for_ever_with_one_second() {
  const rlimit second{1, 1};
  ::setrlimit(RLIMIT_CPU, &second);
  const TempDir dir;
  const auto file = dir.write("a.h5", "x");
  try {
    in_child({{file}}, [] {
      volatile bool on = true;
      while (on) continue;
      return 0;
    });
  } catch (const Error& error) {
    std::cerr << error.what();
    ::_exit(error.exit_code());
  }
  ::_exit(0);
}

TEST(ConfinedChild, ThatIsKilledAtItsTimeLimitMayHaveTakenTooMuchTime) {
  EXPECT_EXIT(read_for_ever_with_one_second(), ::testing::ExitedWithCode(3),
              "takes more time than is allowed for its size, or the memory");
}

// Fonts, for example, which a figure needs.
TEST(ConfinedChild, ReadsFoldersOfTheSystemWithoutHigherLimits) {
  if (!can_confine_files()) GTEST_SKIP() << "this kernel does not have Landlock";
  const TempDir dir, fonts;
  const auto file = dir.write("a.h5", "x");
  const auto font = fonts.write("one.ttf", std::string(1 << 20, 'f'));
  const auto read = [&](const Access& access) {
    return ask_child(access, [&] {
      std::ifstream stream(font);
      return std::string(1, static_cast<char>(stream.get()));
    });
  };
  const Access alone{{file}}, with_fonts{.files = {file}, .system = {fonts.path()}};
  EXPECT_NE(read(alone), "f");
  EXPECT_EQ(read(with_fonts), "f");
  EXPECT_EQ(limits_for(with_fonts).memory_bytes, limits_for(alone).memory_bytes);
  EXPECT_EQ(limits_for(with_fonts).cpu_seconds, limits_for(alone).cpu_seconds);
}

}  // namespace
}  // namespace lensbench
