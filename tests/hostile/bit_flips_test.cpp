#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "archive/digest/verify.hpp"
#include "archive/sandbox/confine.hpp"
#include "hostile/archives.hpp"
#include "support/long_form.hpp"
#include "support/temp_dir.hpp"

// Bits of a small archive, flipped one at a time: `verify` says damaged, or a reader that shares
// nothing with it finds every dataset and every attribute as it was. Blocks that no reader looks
// at, about half of the file, are found first by replacing their whole content; the bits of all
// other bytes are flipped one at a time, every one of them in the long form. Two workers in
// processes of their own, since some changes end the HDF5 library; a change whose worker ended is
// what the command calls a damaged archive.

namespace lensbench::testing {
namespace {

enum Verdict : char { pending = 0, damaged, unchanged, wrongly_intact, ended };

/// Other bytes at one place of the file.
struct Change {
  std::size_t offset = 0;
  std::string bytes;
};

/// What the workers tell the test.
struct Shared {
  std::array<std::atomic<long>, 2> next;
  char* verdicts;
};

template <class Item>
Item* shared_memory(std::size_t items) {
  constexpr int kProtection = PROT_READ | PROT_WRITE, kFlags = MAP_SHARED | MAP_ANONYMOUS;
  return static_cast<Item*>(::mmap(nullptr, items * sizeof(Item), kProtection, kFlags, -1, 0));
}

/// Bounds the processor time of one change to 0.2 s, as the command's guard does with more; the
/// unchanged archive takes 7 ms.
void limit_one() {
  const itimerval most{{0, 0}, {0, 200'000}};
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

bool put(int file, std::size_t offset, std::string_view bytes) {
  return pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(bytes.size());
}

/// An archive, and what changes of it do.
class Changed {
 public:
  Changed() {
    write_small_archive_apart(folder_ / "a.h5");
    bytes_ = slurp(folder_ / "a.h5");
    original_ = decoded(folder_ / "a.h5");
  }

  const std::string& bytes() const { return bytes_; }
  const Content& original() const { return original_; }

  /// One verdict a change.
  std::vector<Verdict> verdicts(const std::vector<Change>& changes) const {
    auto* shared = new (shared_memory<Shared>(1)) Shared;
    shared->verdicts = shared_memory<char>(changes.size());
    run_workers(changes, *shared);
    std::vector<Verdict> found;
    for (std::size_t i = 0; i < changes.size(); ++i)
      found.push_back(static_cast<Verdict>(shared->verdicts[i]));
    ::munmap(shared->verdicts, changes.size());
    ::munmap(shared, sizeof(Shared));
    return found;
  }

 private:
  std::string path(int worker) const {
    return folder_ / ("changed" + std::to_string(worker) + ".h5");
  }

  /// Every second change, from where the last process of this worker ended, at most a few hundred:
  /// what one damaged file did to the library's memory must not judge the next ones.
  void work(int worker, const std::vector<Change>& changes, Shared& shared) const {
    constexpr int kMost = 500;
    const int file = open(path(worker).c_str(), O_RDWR);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    std::atomic<long>& next = shared.next[static_cast<std::size_t>(worker)];
    for (int done = 0; done < kMost; ++done) {
      const long i = next;
      if (i >= static_cast<long>(changes.size())) return;
      const auto& [offset, bytes] = changes[static_cast<std::size_t>(i)];
      next = i + 2;
      shared.verdicts[i] = ended;
      if (!put(file, offset, bytes)) return;
      limit_one();
      shared.verdicts[i] = examine(path(worker), original_);
      if (!put(file, offset, std::string_view(bytes_).substr(offset, bytes.size()))) return;
    }
  }

  void run_workers(const std::vector<Change>& changes, Shared& shared) const {
    const ReadLimits limits = limits_for({{folder_ / "a.h5"}, {}});
    std::array<pid_t, 2> workers{};
    const auto start = [&](int worker) {
      folder_.write("changed" + std::to_string(worker) + ".h5", bytes_);
      const pid_t child = fork();
      if (child == 0) {
        limit_memory(limits);
        work(worker, changes, shared);
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
      if (shared.next[static_cast<std::size_t>(worker)] < static_cast<long>(changes.size()))
        start(worker);
      else
        --running;
    }
  }

  TempDir folder_;
  std::string bytes_;
  Content original_;
};

/// Changes of a whole block: bits inverted, zeros, ones, and bytes drawn at random twice. A reader
/// that looks at a byte meets a count, an offset, a flag or a checksum that is another one.
std::vector<Change> contents_for(std::size_t offset, std::string_view block, Philox& random) {
  std::string inverted(block);
  for (char& byte : inverted) byte = static_cast<char>(~byte);
  std::vector<Change> changes = {{offset, inverted},
                                 {offset, std::string(block.size(), '\0')},
                                 {offset, std::string(block.size(), '\xFF')}};
  for (int i = 0; i < 2; ++i) {
    changes.push_back({offset, std::string(block)});
    for (char& byte : changes.back().bytes)
      byte = static_cast<char>(static_cast<int>(random.uniform() * 256));
  }
  return changes;
}

/// The offsets of all bytes that are in no block without readers. A block with one is divided by 4
/// and tried again, in the long form down to 16 bytes; smaller ones cost more than their flips.
std::vector<std::size_t> bytes_with_readers(const Changed& archive, std::size_t& wrong) {
  constexpr std::size_t kLargest = 256;
  const std::size_t smallest = in_long_form() ? 16 : kLargest;
  Philox random(21);
  std::vector<std::size_t> blocks, parts;
  for (std::size_t at = 0; at < archive.bytes().size(); at += kLargest) blocks.push_back(at);
  for (std::size_t length = kLargest; length >= smallest; length /= 4) {
    std::vector<Change> changes;
    for (std::size_t at : blocks) {
      const auto block = std::string_view(archive.bytes()).substr(at, length);
      for (Change& change : contents_for(at, block, random)) changes.push_back(std::move(change));
    }
    const std::vector<Verdict> verdicts = archive.verdicts(changes);
    wrong += static_cast<std::size_t>(std::ranges::count(verdicts, wrongly_intact));
    parts.clear();
    const auto step = length == smallest ? 1 : length / 4;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto first = verdicts.begin() + static_cast<std::ptrdiff_t>(5 * i);
      if (std::all_of(first, first + 5, [](Verdict verdict) { return verdict == unchanged; }))
        continue;
      const std::size_t end = std::min(blocks[i] + length, archive.bytes().size());
      for (std::size_t at = blocks[i]; at < end; at += step) parts.push_back(at);
    }
    blocks.swap(parts);
  }
  return blocks;
}

std::vector<Change> flips_of(const std::vector<std::size_t>& offsets, const std::string& bytes) {
  std::vector<Change> flips;
  for (std::size_t offset : offsets)
    for (unsigned bit = 0; bit < 8; ++bit)
      flips.push_back({offset, std::string(1, static_cast<char>(bytes[offset] ^ (1 << bit)))});
  return flips;
}

TEST(BitFlips, AreFoundOrChangeNothing) {
  const Changed archive;
  ASSERT_GT(archive.original().size(), 60U);
  std::size_t wrong_blocks = 0;
  const std::vector<std::size_t> read = bytes_with_readers(archive, wrong_blocks);
  EXPECT_EQ(wrong_blocks, 0U);
  std::vector<Change> flips = flips_of(read, archive.bytes());
  const std::size_t all = flips.size(), sampled = 4'000;
  ASSERT_GT(all, sampled);
  if (!in_long_form()) {
    std::mt19937 order(20);
    std::ranges::shuffle(flips, order);
    flips.resize(sampled);
  }
  const std::vector<Verdict> verdicts = archive.verdicts(flips);
  std::array<std::size_t, 5> counts{};
  std::vector<std::size_t> wrong;
  for (std::size_t i = 0; i < flips.size(); ++i) {
    ++counts[static_cast<std::size_t>(verdicts[i])];
    if (verdicts[i] == wrongly_intact) wrong.push_back(flips[i].offset);
  }
  EXPECT_THAT(wrong, ::testing::IsEmpty()) << "offsets of flipped bytes";
  EXPECT_EQ(counts[pending], 0U);
  std::cout << archive.bytes().size() - read.size() << " of " << archive.bytes().size()
            << " bytes have no reader; " << flips.size() << " flips of the " << all
            << " bits of the others: " << counts[damaged] << " damaged, " << counts[unchanged]
            << " changed nothing, " << counts[ended] << " ended the reader's process\n";
  EXPECT_GT(counts[damaged], flips.size() / 10);
  EXPECT_LT(read.size(), archive.bytes().size());
}

}  // namespace
}  // namespace lensbench::testing
