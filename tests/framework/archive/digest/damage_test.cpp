#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <string>

#include "archive/diff.hpp"
#include "archive/digest/verify.hpp"
#include "archive/run/run_writer.hpp"
#include "support/archives.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// Flips one bit of a small archive at a time. What verify says is compared with what is in the
// file, read variable by variable: either it is damaged, or nothing in it has changed.

namespace lensbench {
namespace {

using testing::TempDir;
using testing::write_small_archive;

enum Verdict { damaged = 10, unchanged = 11, wrongly_intact = 12 };

/// What a reader finds in a mutant; in a process of its own, which the HDF5 library may end.
int examine(const std::string& original, const std::string& mutant) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit seconds{20, 20}, none{0, 0};
    setrlimit(RLIMIT_CPU, &seconds);
    setrlimit(RLIMIT_CORE, &none);
    int verdict = damaged;
    try {
      if (verify_archive(mutant).intact) {
        const auto difference = diff_archives(ArchiveReader(original), ArchiveReader(mutant));
        const bool same = difference.same_recipe() && difference.same_environment() &&
                          difference.results() == Agreement::identical;
        verdict = same ? unchanged : wrongly_intact;
      }
    } catch (const Error&) {
    }
    _exit(verdict);
  }
  int status = 0;
  waitpid(child, &status, 0);
  // A process that the library or a sanitizer ended: the command's guard calls that damaged.
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : damaged;
  return code == unchanged || code == wrongly_intact ? code : damaged;
}

TEST(DamagedArchive, IsNeverCalledIntactWithAnotherContent) {
  const TempDir folder;
  const std::string original = folder / "a.h5", mutant = folder / "mutant.h5";
  write_small_archive(original, 1);
  std::string bytes = testing::slurp(original);
  constexpr int kFlips = 400;
  Philox random(1);
  int found = 0;
  for (int i = 0; i < kFlips; ++i) {
    const auto bit =
        static_cast<std::size_t>(random.uniform() * static_cast<double>(8 * bytes.size()));
    const char mask = static_cast<char>(1 << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    std::ofstream(mutant, std::ios::binary) << bytes;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    const int verdict = examine(original, mutant);
    EXPECT_TRUE(verdict == damaged || verdict == unchanged) << "bit " << bit << ": " << verdict;
    found += verdict == damaged;
  }
  EXPECT_GT(found, kFlips / 10);  // the others are in unused space of the file
}

TEST(DamagedArchive, IsNoticedWhereverItIsCutOff) {
  const TempDir folder;
  const std::string original = folder / "a.h5", mutant = folder / "cut.h5";
  write_small_archive(original, 1);
  const std::string bytes = testing::slurp(original);
  for (std::size_t size = 0; size < bytes.size(); size += bytes.size() / 40) {
    std::ofstream(mutant, std::ios::binary) << bytes.substr(0, size);
    EXPECT_EQ(examine(original, mutant), damaged) << size << " of " << bytes.size() << " bytes";
  }
}

}  // namespace
}  // namespace lensbench
