#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "durability/command_run.hpp"
#include "durability/workload.hpp"
#include "support/folders.hpp"
#include "support/long_form.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// Small disks of their own, seen by nobody else. Where that is not allowed the tests say so.

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;

bool mount_disk(const fs::path& place, const std::string& options, unsigned long flags = 0) {
  return mount("lensbench-test", place.c_str(), "tmpfs", flags, options.c_str()) == 0;
}

/// Runs `work` in a process that may mount; false if this one may not.
bool with_private_mounts(const std::function<int()>& work, int& code) {
  constexpr int kNotAllowed = 77;
  const pid_t child = fork();
  if (child == 0) {
    const bool alone = unshare(CLONE_NEWNS) == 0 &&
                       mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    _exit(alone ? work() : kNotAllowed);
  }
  int status = 0;
  waitpid(child, &status, 0);
  code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return code != kNotAllowed;
}

enum FullDisk { fits = 0, failed_cleanly, no_mount, wrong_error, lost_a_case, not_the_same };

/// One run on a disk of `kilobytes`, then the rest of it on a larger one.
int fill(const fs::path& place, int kilobytes) {
  if (!mount_disk(place, "size=" + std::to_string(kilobytes) + "k")) return no_mount;
  std::string acknowledged;
  int result = fits;
  try {
    run_workload(place / "a.h5", false,
                 [&](std::int64_t index) { acknowledged += static_cast<char>('0' + index); });
  } catch (const RunError& error) {
    const std::string said = error.what();
    if (said.find("No space left") == said.npos || said.find(place.string()) == said.npos)
      return wrong_error;
    result = failed_cleanly;
  } catch (...) {
    return wrong_error;
  }
  if (!mount_disk(place, "size=64m", MS_REMOUNT)) return no_mount;
  const Recovered found = recover(place / "a.h5", acknowledged);
  if (!found.acknowledged_kept) return lost_a_case;
  return found.results == undisturbed().digests.results ? result : not_the_same;
}

TEST(FullDisk, KeepsEveryCaseAndIsGoneOnWithAtTenFillLevels) {
  const TempDir folder;
  undisturbed();
  int failed = 0, fitted = 0;
  for (const int kilobytes : {4, 16, 36, 48, 64, 96, 256, 768, 1100, 4096}) {
    int code = 0;
    if (!with_private_mounts([&] { return fill(folder.path(), kilobytes); }, code))
      GTEST_SKIP() << "no file system can be mounted here (that needs root)";
    EXPECT_TRUE(code == fits || code == failed_cleanly) << kilobytes << " KiB: " << code;
    failed += code == failed_cleanly;
    fitted += code == fits;
  }
  EXPECT_GE(failed, 7);
  EXPECT_GE(fitted, 1);
}

/// Fills a disk by a run of the real command.
int fill_by_command(const fs::path& place, int kilobytes) {
  if (!mount_disk(place, "size=" + std::to_string(kilobytes) + "k")) return no_mount;
  const Reported limited = report_of(run(lens_command(place / "a.h5")), place / "a.h5");
  const int code = limited.outcome.exit_code;
  const bool clear = limited.outcome.err.find("No space left") != std::string::npos &&
                     limited.outcome.err.find("--resume") != std::string::npos;
  if (code != 0 && (code != 5 || !clear)) {
    std::cerr << limited.outcome.err;
    return wrong_error;
  }
  if (!mount_disk(place, "size=64m", MS_REMOUNT)) return no_mount;
  expect_resumes(place, limited.done);
  if (::testing::Test::HasFailure()) return not_the_same;
  return code == 0 ? fits : failed_cleanly;
}

TEST(CommandOnAFullDisk, KeepsEveryCaseAndIsGoneOnWith) {
  const TempDir folder;
  undisturbed_command();
  const std::vector<int> levels = in_long_form()
                                      ? std::vector{16, 32, 64, 96, 128, 192, 256, 512, 1024, 1400}
                                      : std::vector{128};
  for (const int kilobytes : levels) {
    int code = 0;
    if (!with_private_mounts([&] { return fill_by_command(folder.path(), kilobytes); }, code))
      GTEST_SKIP() << "no file system can be mounted here (that needs root)";
    EXPECT_TRUE(code == fits || code == failed_cleanly) << kilobytes << " KiB: " << code;
  }
}

TEST(ReadOnlyFolder, IsNamedAndNothingIsDone) {
  const TempDir folder;
  int code = 0;
  const auto work = [&] {
    if (!mount_disk(folder.path(), "size=64k", MS_RDONLY)) return 1;
    const auto outcome =
        lensbench({"tool", "logit_lens", "--model", source_folder() + "/models/kjv-gpt2", "--ids",
                   "5 6", "--out", folder / "a.h5"});
    const bool clear = outcome.err.find("Read-only file system") != std::string::npos &&
                       outcome.err.find(folder / "a.run") != std::string::npos;
    return outcome.exit_code == 5 && clear ? 0 : 2;
  };
  if (!with_private_mounts(work, code))
    GTEST_SKIP() << "no file system can be mounted here (that needs root)";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace lensbench::testing
