#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "durability/command_run.hpp"
#include "support/long_form.hpp"

// A shard, stopped at its calls, and on file systems that lack what shards need. The default run
// takes a sample of the calls.

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::vector<std::string> shard_command(const fs::path& out, const std::string& shard = "1/1") {
  auto command = lens_command(out);
  command.insert(command.end(), {"--commit-every", "0", "--shard", shard});
  return command;
}

/// Seals a run and gives the SHA-256 of its file; empty if it could not be sealed.
std::string sealed_file(const fs::path& folder) {
  const Outcome sealed = lensbench({"seal", folder / "a.run", "--reproducible", "--quiet"});
  EXPECT_EQ(sealed.exit_code, 0) << sealed.err;
  if (sealed.exit_code != 0) return "";
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"a.h5", "a.h5.sha256"}));
  return run({"/usr/bin/sha256sum", folder / "a.h5"}).out.substr(0, 64);
}

Outcome run_disturbed_shard(const fs::path& folder, const fs::path& notes, long at,
                            FaultMode mode) {
  const auto child =
      start_with(faults(folder, at, mode, notes / "calls"), shard_command(folder / "a.h5"), notes);
  return wait_for(child, notes);
}

class ShardAtEveryCall : public ::testing::TestWithParam<FaultMode> {};

TEST_P(ShardAtEveryCall, LosesNothingAndIsRunAgain) {
  const FaultMode mode = GetParam();
  const TempDir first, first_notes;
  const Outcome whole = run_disturbed_shard(first.path(), first_notes.path(), 0, FaultMode::none);
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  const std::string expected = sealed_file(first.path());
  ASSERT_EQ(expected.size(), 64U);
  const auto calls = static_cast<long>(slurp(first_notes / "calls").size());
  ASSERT_GT(calls, 50);
  constexpr long kSample = 6;
  const long step = in_long_form() ? 1 : calls / kSample;
  for (long at = 1; at <= calls; at += step) {
    SCOPED_TRACE("at call " + std::to_string(at));
    const TempDir folder, notes;
    const Outcome disturbed = run_disturbed_shard(folder.path(), notes.path(), at, mode);
    if (mode == FaultMode::kill) {
      EXPECT_EQ(disturbed.exit_code, -SIGKILL) << disturbed.err;
    }
    const Outcome again = run(shard_command(folder / "a.h5"));
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(sealed_file(folder.path()), expected);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Mode, ShardAtEveryCall,
                         ::testing::Values(FaultMode::kill, FaultMode::error), name_of_mode);

/// Parameter: a part of the kills, so that the parts can run at the same time.
class ShardsKilledAtRandom : public ::testing::TestWithParam<int> {};
constexpr int kPartsOfKills = 4;

TEST_P(ShardsKilledAtRandom, AreRunAgainToTheSameFile) {
  const TempDir whole;
  ASSERT_EQ(run(shard_command(whole / "a.h5")).exit_code, 0);
  const std::string expected = sealed_file(whole.path());
  const int kills = (in_long_form() ? 200 : 4) / kPartsOfKills;
  for (int i = GetParam() * kills; i < (GetParam() + 1) * kills; ++i) {
    const TempDir folder, notes;
    const auto child = start(shard_command(folder / "a.h5", "1/2"), notes.path());
    std::this_thread::sleep_for(std::chrono::milliseconds(150 + 997 * i % 900));
    kill(child, SIGKILL);
    wait_for(child, notes.path());
    for (const char* shard : {"2/3", "1/3", "3/3"})
      EXPECT_EQ(run(shard_command(folder / "a.h5", shard)).exit_code, 0);
    EXPECT_EQ(sealed_file(folder.path()), expected) << i;
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Part, ShardsKilledAtRandom, ::testing::Range(0, kPartsOfKills));

TEST(FolderWithoutLinks, IsRefusedBeforeACaseRuns) {
  const TempDir folder, notes;
  const Outcome refused = run_disturbed_shard(folder.path(), notes.path(), 0, FaultMode::no_links);
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_THAT(refused.err,
              HasSubstr("files cannot have a second name (link: Operation not permitted)"));
  EXPECT_FALSE(fs::exists(folder / "a.run/plan/READY"));
}

TEST(FolderThatRepeatsLinks, GivesTheSameFile) {
  const TempDir whole, folder, notes;
  ASSERT_EQ(run(shard_command(whole / "a.h5")).exit_code, 0);
  const Outcome repeated =
      run_disturbed_shard(folder.path(), notes.path(), 0, FaultMode::repeated_links);
  EXPECT_EQ(repeated.exit_code, 0) << repeated.err;
  EXPECT_EQ(sealed_file(folder.path()), sealed_file(whole.path()));
}

}  // namespace
}  // namespace lensbench::testing
