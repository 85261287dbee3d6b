#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <string>
#include <vector>

#include "archive/digest/verify.hpp"
#include "archive/sandbox/confine.hpp"
#include "hostile/archives.hpp"
#include "support/long_form.hpp"
#include "support/temp_dir.hpp"

// Bits of a small archive, one at a time: every one of them in the long form. `verify` says
// damaged, or a reader that shares nothing with it finds every dataset and every attribute as it
// was. Two workers in processes of their own, since some flips end the HDF5 library; a flip whose
// worker ended is what the command calls a damaged archive.

namespace lensbench::testing {
namespace {

enum Verdict : char { pending = 0, damaged, unchanged, wrongly_intact, ended };

/// What the workers tell the test.
struct Shared {
  std::array<std::atomic<long>, 2> next;
  char* verdicts;
};

Shared& shared_with_workers(std::size_t flips) {
  constexpr int kProtection = PROT_READ | PROT_WRITE, kFlags = MAP_SHARED | MAP_ANONYMOUS;
  auto* shared = new (::mmap(nullptr, sizeof(Shared), kProtection, kFlags, -1, 0)) Shared;
  shared->verdicts = static_cast<char*>(::mmap(nullptr, flips, kProtection, kFlags, -1, 0));
  return *shared;
}

/// Bounds what one flip may take, as the command's guard does.
void limit_one(double seconds) {
  const itimerval most{{0, 0}, {static_cast<time_t>(seconds), 0}};
  setitimer(ITIMER_PROF, &most, nullptr);  // its signal ends the process
}

Verdict examine(const std::string& path, const Content& original) {
  bool intact = false;
  try {
    intact = verify_archive(path).intact;
  } catch (const Error&) {
  } catch (const std::bad_alloc&) {
  }
  if (!intact) return damaged;
  try {
    return decoded(path) == original ? unchanged : wrongly_intact;
  } catch (const std::runtime_error&) {
    return wrongly_intact;  // verify could read it
  }
}

/// The flips of one worker, from where the last one ended, at most a few hundred: what one damaged
/// file did to the library's memory must not judge the next ones.
void work(const TempDir& folder, int worker, const std::vector<std::size_t>& bits, Shared& shared,
          const Content& original) {
  constexpr long kMost = 500;
  const std::string path = folder / ("flipped" + std::to_string(worker) + ".h5");
  const int file = open(path.c_str(), O_RDWR);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (long done = 0; done < kMost; ++done) {
    const long i = shared.next[static_cast<std::size_t>(worker)];
    if (i >= static_cast<long>(bits.size())) return;
    const auto offset = static_cast<off_t>(bits[static_cast<std::size_t>(i)] / 8);
    unsigned char byte = 0;
    if (pread(file, &byte, 1, offset) != 1) return;
    const auto flipped =
        static_cast<unsigned char>(byte ^ (1U << (bits[static_cast<std::size_t>(i)] % 8)));
    shared.next[static_cast<std::size_t>(worker)] = i + 2;
    shared.verdicts[i] = ended;
    if (pwrite(file, &flipped, 1, offset) != 1) return;
    limit_one(10);
    shared.verdicts[i] = examine(path, original);
    if (pwrite(file, &byte, 1, offset) != 1) return;
  }
}

void run_workers(const TempDir& folder, const std::vector<std::size_t>& bits, Shared& shared,
                 const Content& original, const std::string& bytes) {
  const ReadLimits limits = limits_for({{folder / "a.h5"}, {}});
  std::array<pid_t, 2> workers{};
  const auto start = [&](int worker) {
    folder.write("flipped" + std::to_string(worker) + ".h5", bytes);
    const pid_t child = fork();
    if (child == 0) {
      limit_memory(limits);
      work(folder, worker, bits, shared, original);
      _exit(0);
    }
    workers[static_cast<std::size_t>(worker)] = child;
  };
  for (int worker : {0, 1}) {
    shared.next[static_cast<std::size_t>(worker)] = worker;
    start(worker);
  }
  for (int running = 2; running > 0;) {
    const pid_t child = waitpid(-1, nullptr, 0);
    if (child < 0) break;
    const int worker = child == workers[0] ? 0 : 1;
    if (shared.next[static_cast<std::size_t>(worker)] < static_cast<long>(bits.size()))
      start(worker);
    else
      --running;
  }
}

TEST(BitFlips, AreFoundOrChangeNothing) {
  const TempDir folder;
  write_small_archive_apart(folder / "a.h5");
  const std::string bytes = slurp(folder / "a.h5");
  const Content original = decoded(folder / "a.h5");
  ASSERT_GT(original.size(), 60U);
  std::vector<std::size_t> bits;
  Philox random(20);
  const std::size_t all = 8 * bytes.size(), sampled = 20'000;
  if (in_long_form())
    for (std::size_t bit = 0; bit < all; ++bit) bits.push_back(bit);
  else
    for (std::size_t i = 0; i < sampled; ++i)
      bits.push_back(static_cast<std::size_t>(random.uniform() * static_cast<double>(all)));
  Shared& shared = shared_with_workers(bits.size());
  run_workers(folder, bits, shared, original, bytes);
  std::array<std::size_t, 5> counts{};
  std::vector<std::size_t> wrong;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const auto verdict = static_cast<std::size_t>(shared.verdicts[i]);
    ++counts[verdict];
    if (verdict == wrongly_intact) wrong.push_back(bits[i]);
  }
  EXPECT_THAT(wrong, ::testing::IsEmpty());
  EXPECT_EQ(counts[pending], 0U);
  std::cout << bits.size() << " flips of " << all << " bits: " << counts[damaged] << " damaged, "
            << counts[unchanged] << " changed nothing, " << counts[ended]
            << " ended the reader's process\n";
  EXPECT_GT(counts[damaged], bits.size() / 10);
  EXPECT_GT(counts[unchanged], 0U);
}

}  // namespace
}  // namespace lensbench::testing
