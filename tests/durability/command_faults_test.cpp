#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <lensbench/random.hpp>
#include <string>
#include <thread>
#include <vector>

#include "durability/command_run.hpp"
#include "fixtures/faults/io_faults.hpp"
#include "support/folders.hpp"
#include "support/long_form.hpp"

// The command itself, stopped at its calls, killed at random times, on a full disk. The default run
// takes a sample; `ctest --preset long` every call in every mode, and 200 kills.

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;

/// The command with calls in an order that does not depend on time.
std::vector<std::string> careful_command(const fs::path& out) {
  auto command = lens_command(out);
  command.insert(command.end(), {"--commit-every", "0"});
  return command;
}

Reported run_disturbed(const fs::path& folder, const fs::path& notes, long at, FaultMode mode) {
  const auto child = start_with(faults(folder, at, mode, notes / "calls"),
                                careful_command(folder / "a.h5"), notes);
  return report_of(wait_for(child, notes), folder / "a.h5");
}

/// The mode's kinds of calls; see fault_points_test.cpp.
std::string kinds_of(FaultMode mode) {
  switch (mode) {
    case FaultMode::torn:
      return "wt";
    case FaultMode::brief:
      return "w";
    case FaultMode::interrupted:
      return "owts";
    case FaultMode::stays_full:
      return "owtmrl";
    case FaultMode::full:
      return "owtscrml";
    default:
      return "owtscruml";
  }
}

/// Numbers of the calls at which a mode applies, from 1.
std::vector<long> points_of(const std::string& calls, FaultMode mode) {
  std::vector<long> points;
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (kinds_of(mode).find(calls[i]) != std::string::npos)
      points.push_back(static_cast<long>(i) + 1);
  return points;
}

/// Kinds of the calls of the command without a fault, a letter for each.
const std::string& undisturbed_calls() {
  static const std::string calls = [] {
    const TempDir folder, notes;
    const Reported whole = run_disturbed(folder.path(), notes.path(), 0, FaultMode::none);
    EXPECT_EQ(whole.outcome.exit_code, 0) << whole.outcome.err;
    EXPECT_EQ(whole.done.size(), 3U);
    EXPECT_EQ(whole.results, undisturbed_command().results);
    return slurp(notes / "calls");
  }();
  return calls;
}

void expect_clear_failure(const Reported& reported, const fs::path& folder) {
  EXPECT_EQ(reported.outcome.exit_code, 5) << reported.outcome.err;
  EXPECT_THAT(reported.outcome.err, ::testing::HasSubstr(folder.string()));
  if (fs::exists(folder / "a.run")) {
    EXPECT_THAT(reported.outcome.err, ::testing::AllOf(::testing::HasSubstr("lensbench tool"),
                                                       ::testing::HasSubstr("--resume")));
  }
}

void expect_outcome(const Reported& disturbed, FaultMode mode, char call, const fs::path& folder) {
  if (mode == FaultMode::kill || mode == FaultMode::torn) {
    EXPECT_EQ(disturbed.outcome.exit_code, -SIGKILL) << disturbed.outcome.err;
  } else if (mode == FaultMode::interrupted || mode == FaultMode::brief) {
    EXPECT_EQ(disturbed.outcome.exit_code, 0) << disturbed.outcome.err;
  } else if ((call != 'u' && call != 'w') || disturbed.outcome.exit_code != 0) {
    // Removing what is not there is not an error, nor is a note of what runs that cannot be
    // written.
    expect_clear_failure(disturbed, folder);
  }
}

class CommandAtEveryCall : public ::testing::TestWithParam<FaultMode> {};

TEST_P(CommandAtEveryCall, LosesNothing) {
  const FaultMode mode = GetParam();
  const std::string& calls = undisturbed_calls();
  ASSERT_GT(calls.size(), 50U);
  const std::vector<long> points = points_of(calls, mode);
  ASSERT_GT(points.size(), 5U);
  constexpr std::size_t kSample = 3;
  const std::size_t step = in_long_form() ? 1 : points.size() / kSample;
  for (std::size_t i = 0; i < points.size(); i += step) {
    SCOPED_TRACE("at call " + std::to_string(points[i]));
    const TempDir folder, notes;
    const Reported disturbed = run_disturbed(folder.path(), notes.path(), points[i], mode);
    expect_outcome(disturbed, mode, calls[static_cast<std::size_t>(points[i]) - 1], folder.path());
    expect_resumes(folder.path(), disturbed.done);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Mode, CommandAtEveryCall,
                         ::testing::Values(FaultMode::kill, FaultMode::torn, FaultMode::full,
                                           FaultMode::error, FaultMode::interrupted,
                                           FaultMode::stays_full, FaultMode::brief),
                         name_of_mode);

/// Parameter: a part of the kills, so that the parts can run at the same time.
class CommandKilledAtRandom : public ::testing::TestWithParam<int> {};
constexpr int kParts = 2;

TEST_P(CommandKilledAtRandom, LosesNothing) {
  const auto began = std::chrono::steady_clock::now();
  undisturbed_command();
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - began;
  const int kills = (in_long_form() ? 200 : 6) / kParts;
  for (int i = GetParam() * kills; i < (GetParam() + 1) * kills; ++i) {
    Philox random(static_cast<std::uint64_t>(i) + 1);
    const std::chrono::duration<double> wait = whole * random.uniform();
    SCOPED_TRACE("killed after " + std::to_string(wait.count()) + " s");
    const TempDir folder, notes;
    const auto child = start(lens_command(folder / "a.h5"), notes.path());
    std::this_thread::sleep_for(wait);
    kill(child, SIGKILL);
    const Reported killed = report_of(wait_for(child, notes.path()), folder / "a.h5");
    expect_resumes(folder.path(), killed.done);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Part, CommandKilledAtRandom, ::testing::Range(0, kParts));

TEST(CommandWithSmallFilesOnly, FailsWithASentenceAndIsGoneOnWith) {
  const TempDir folder, notes;
  std::string line = "ulimit -f 1000; exec";  // blocks of 512 bytes: units fit, an archive does not
  for (const auto& word : lens_command(folder / "a.h5")) line += " '" + word + "'";
  const Reported limited = report_of(run({"/bin/sh", "-c", line}), folder / "a.h5");
  expect_clear_failure(limited, folder.path());
  EXPECT_THAT(limited.outcome.err, ::testing::HasSubstr("File too large"));
  EXPECT_EQ(limited.done.size(), 3U);
  expect_resumes(folder.path(), limited.done);
}

TEST(CommandWithSmallFilesOnly, SaysWhichPluginCannotBeCopiedToMemory) {
  const TempDir folder;
  std::string line = "ulimit -f 50; exec";
  for (const auto& word : lens_command(folder / "a.h5")) line += " '" + word + "'";
  const Outcome outcome = run({"/bin/sh", "-c", line});
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_THAT(outcome.err,
              ::testing::HasSubstr("logit_lens.so': cannot be copied to memory: File too large"));
}

TEST(CommandTwice, TheSecondFailsAtOnceWhileTheFirstWrites) {
  const TempDir folder, notes, other_notes;
  const auto first = start_with({}, lens_command(folder / "a.h5"), notes.path());
  while (!fs::exists(folder / "a.run/plan/READY") && !fs::exists(folder / "a.h5"))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(first, SIGSTOP);
  auto command = lens_command(folder / "a.h5");
  command.push_back("--resume");
  if (!fs::exists(folder / "a.h5")) {
    const Outcome second = run(command);
    EXPECT_EQ(second.exit_code, 2) << second.err;
    EXPECT_THAT(second.err, ::testing::HasSubstr("another process is writing this run"));
  }
  kill(first, SIGCONT);
  EXPECT_EQ(wait_for(first, notes.path()).exit_code, 0);
  expect_resumes(folder.path(), {0, 1, 2});
}

}  // namespace
}  // namespace lensbench::testing
