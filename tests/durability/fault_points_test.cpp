#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "archive/run/run_folder.hpp"
#include "durability/workload.hpp"
#include "fixtures/faults/io_faults.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// Every call of a whole run that changes a file goes wrong once, in every way. Each time in a
// process of its own, forked from this one.

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;

struct Disturbed {
  int code = 0;              ///< minus the signal's number if one ended it
  std::string acknowledged;  ///< digits of the cases it reported as done
  std::string calls;         ///< a letter a call
  std::string error;
};

/// Runs the workload with one call going wrong.
Disturbed disturb(const TempDir& folder, const TempDir& notes, long at, FaultMode mode,
                  const CommitRules& rules) {
  const std::string files[] = {notes / "done", notes / "calls", notes / "error"};
  std::array<int, 3> notebooks{};
  for (std::size_t i = 0; i < 3; ++i)
    notebooks[i] = open(files[i].c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  const pid_t child = fork();
  if (child == 0) {
    int code = 0;
    arm_faults(folder.path().c_str(), at, mode, notebooks[1]);
    try {
      const auto note = [&](std::int64_t index) {
        const char digit = static_cast<char>('0' + index);
        if (write(notebooks[0], &digit, 1) != 1) _exit(99);
      };
      run_workload(folder / "a.h5", false, note, rules);
    } catch (const Error& error) {
      code = error.exit_code();
      const std::string text = error.what();
      if (write(notebooks[2], text.data(), text.size()) < 0) _exit(99);
    }
    arm_faults(nullptr, 0, FaultMode::none, -1);
    _exit(code);
  }
  for (const int notebook : notebooks) close(notebook);
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), slurp(files[0]),
          slurp(files[1]), slurp(files[2])};
}

/// Files of `folder` that only a write in progress may have.
std::vector<std::string> leftovers(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto name = entry.path().string();
    const bool temporary =
        name.find(".part-") != std::string::npos || name.find(".run/tmp/") != std::string::npos;
    if (entry.is_regular_file() && temporary) found.push_back(name);
  }
  return found;
}

void expect_recovery(const TempDir& folder, const std::string& acknowledged) {
  const Recovered found = recover(folder / "a.h5", acknowledged);
  EXPECT_TRUE(found.acknowledged_kept) << "of the cases " << acknowledged;
  EXPECT_EQ(found.error, "");
  EXPECT_EQ(found.results, undisturbed().digests.results);
  EXPECT_EQ(found.recipe, undisturbed().digests.recipe);
  EXPECT_EQ(found.environment, undisturbed().digests.environment);
  EXPECT_FALSE(fs::exists(folder / "a.run"));
  EXPECT_EQ(slurp(folder / "a.h5.sha256").substr(15, 64), undisturbed().digests.results);
}

/// Does this call do anything else in this mode than without a fault, or than in mode `kill`?
bool applies(FaultMode mode, char call) {
  const auto one_of = [&](const std::string& kinds) { return kinds.find(call) != kinds.npos; };
  if (mode == FaultMode::torn) return one_of("wt");
  if (mode == FaultMode::brief) return one_of("w");
  if (mode == FaultMode::interrupted) return one_of("owts");
  if (mode == FaultMode::full) return !one_of("u");
  if (mode == FaultMode::stays_full) return one_of("owtmrl");
  return true;
}

bool is_survived(FaultMode mode) {
  return mode == FaultMode::interrupted || mode == FaultMode::brief;
}

void check(FaultMode mode, const CommitRules& rules, const std::string& calls) {
  for (long at = 1; at <= static_cast<long>(calls.size()); ++at) {
    const char call = calls[static_cast<std::size_t>(at) - 1];
    if (!applies(mode, call)) continue;
    SCOPED_TRACE(std::string(kFaultModes[static_cast<int>(mode)]) + " at call " +
                 std::to_string(at) + " (" + call + ") of " + calls);
    const TempDir folder, notes;
    const Disturbed disturbed = disturb(folder, notes, at, mode, rules);
    if (mode == FaultMode::kill || mode == FaultMode::torn) {
      EXPECT_EQ(disturbed.code, -SIGKILL);
    } else if (is_survived(mode)) {
      EXPECT_EQ(disturbed.code, 0) << disturbed.error;
    } else if (call == 'u' && disturbed.code == 0) {
      // Removing what is not there, or is not in the way.
    } else {
      EXPECT_EQ(disturbed.code, 5) << "it says: " << disturbed.error;
      EXPECT_THAT(disturbed.error, ::testing::HasSubstr(folder.path().string()));
      if (call != 'u') {
        EXPECT_THAT(disturbed.error,
                    ::testing::ContainsRegex(mode == FaultMode::error ? "Input/output error"
                                                                      : "No space left"));
      }
      if (call != 'u') {
        EXPECT_THAT(leftovers(folder.path()), ::testing::IsEmpty());
      }
    }
    expect_recovery(folder, disturbed.acknowledged);
    if (::testing::Test::HasFailure()) return;  // one is enough to look at
  }
}

class EveryCall : public ::testing::TestWithParam<FaultMode> {};

void expect_nothing_lost_at_any_call(FaultMode mode, const CommitRules& rules) {
  const TempDir folder, notes;
  const Disturbed whole = disturb(folder, notes, 0, FaultMode::none, rules);
  ASSERT_EQ(whole.code, 0) << whole.error;
  ASSERT_EQ(whole.acknowledged, "0123");
  ASSERT_GT(whole.calls.size(), 40U);
  ASSERT_THAT(whole.calls, ::testing::HasSubstr("l"));
  check(mode, rules, whole.calls);
}

TEST_P(EveryCall, LosesNothing) {
  expect_nothing_lost_at_any_call(GetParam(), kEachCase);
}

TEST_P(EveryCall, LosesNothingOfAGroup) {
  expect_nothing_lost_at_any_call(GetParam(), kInGroups);
}

INSTANTIATE_TEST_SUITE_P(Faults, EveryCall,
                         ::testing::Values(FaultMode::kill, FaultMode::torn, FaultMode::full,
                                           FaultMode::error, FaultMode::interrupted,
                                           FaultMode::stays_full, FaultMode::brief),
                         [](const auto& one) {
                           return std::string(kFaultModes[static_cast<int>(one.param)]);
                         });

}  // namespace
}  // namespace lensbench::testing
