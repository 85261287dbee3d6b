#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <lensbench/random.hpp>
#include <map>
#include <string>

#include "hostile/archives.hpp"
#include "support/long_form.hpp"
#include "support/temp_dir.hpp"

// Archives with some of their bytes changed, as an attacker or a bad disk would: the command never
// crashes, hangs or fills memory, and never says of another content that it is intact.

namespace lensbench::testing {
namespace {

class Mutator {
 public:
  Mutator(const std::string& original, std::uint64_t seed) : bytes_(original), random_(seed) {}

  std::string mutant() {
    const int changes = 1 + static_cast<int>(below(4));
    for (int i = 0; i < changes; ++i) change();
    return bytes_;
  }

 private:
  std::size_t below(std::size_t n) {
    return std::min(n - 1, static_cast<std::size_t>(random_.uniform() * static_cast<double>(n)));
  }
  std::size_t place(std::size_t room) {
    return bytes_.size() <= room ? 0 : below(bytes_.size() - room);
  }

  /// Numbers on which sizes, offsets and counts go wrong.
  void put_number() {
    constexpr std::array<std::uint64_t, 10> kNumbers = {
        0,          1,          0xFF,       0xFFFF,      0x7FFFFFFF,
        0xFFFFFFFF, 0x80000000, UINT64_MAX, 1ULL << 63U, 0x100000000ULL};
    const std::uint64_t number = kNumbers[below(kNumbers.size())];
    const std::size_t width = std::size_t{1} << below(4);
    std::memcpy(bytes_.data() + place(width), &number, width);
  }

  void copy_block() {
    const std::size_t length = 1 + below(512);
    const std::string block = bytes_.substr(place(length), length);
    bytes_.replace(place(length), block.size(), block);
  }

  void change() {
    switch (below(8)) {
      case 0:
        bytes_[place(1)] = static_cast<char>(bytes_[place(1)] ^ (1 << below(8)));
        return;
      case 1:
      case 2:
        bytes_[place(1)] = static_cast<char>(below(256));
        return;
      case 3:
      case 4:
        return put_number();
      case 5:
        return copy_block();
      case 6:
        bytes_.erase(place(64), 1 + below(64));
        return;
      default:
        if (below(4) == 0)
          bytes_.resize(place(1) + 1);
        else
          bytes_.insert(place(1), 1 + below(64), static_cast<char>(below(256)));
    }
  }

  std::string bytes_;
  Philox random_;
};

/// Whether the plain library finds what is in the original; in a process it may end.
bool is_unchanged(const std::string& path, const Content& original) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit seconds{20, 20}, no_core{0, 0};
    setrlimit(RLIMIT_CPU, &seconds);
    setrlimit(RLIMIT_CORE, &no_core);
    bool same = false;
    try {
      same = decoded(path) == original;
    } catch (const std::exception&) {
    }
    _exit(same ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_one_sentence_on_the_file(const std::string& words) {
  return words.starts_with("lensbench: ") && words.find("/mutant.h5") != std::string::npos &&
         words.find('\n') == words.size() - 1;
}

/// Parameter: a part of the seeds, so that the parts can run at the same time.
class Mutants : public ::testing::TestWithParam<int> {};
constexpr int kParts = 10;

TEST_P(Mutants, AreAnErrorAndNeverMore) {
  const TempDir folder;
  write_small_archive_apart(folder / "a.h5");
  const std::string original = slurp(folder / "a.h5"), mutant = folder / "mutant.h5";
  const Content content = decoded(folder / "a.h5");
  const int mutants = (in_long_form() ? 10'000 : 500) / kParts;
  std::map<std::string, int> counts;
  for (int seed = GetParam() * mutants + 1; seed <= (GetParam() + 1) * mutants; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::ofstream(mutant, std::ios::binary)
        << Mutator(original, static_cast<std::uint64_t>(seed)).mutant();
    const Outcome verified = run_here({"verify", mutant}), shown = run_here({"show", mutant});
    ++counts["verify " + std::to_string(verified.exit_code)];
    ++counts["show " + std::to_string(shown.exit_code)];
    if (verified.exit_code == 0) {
      EXPECT_TRUE(is_unchanged(mutant, content)) << "verify says: " << verified.out;
    } else if (verified.exit_code == 3) {
      EXPECT_TRUE(is_one_sentence_on_the_file(verified.err)) << verified.err;
    } else {
      EXPECT_EQ(verified.exit_code, 1) << verified.out << verified.err;
    }
    if (shown.exit_code != 0) {
      EXPECT_EQ(shown.exit_code, 3) << shown.err;
      EXPECT_TRUE(is_one_sentence_on_the_file(shown.err)) << shown.err;
    }
    if (HasFailure()) return;
  }
  for (const auto& [what, count] : counts) std::cout << what << ": " << count << " times\n";
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  std::cout << "largest reader: " << used.ru_maxrss / 1024 << " MiB\n";
  EXPECT_LT(used.ru_maxrss, 1 << 20);  // KiB: this process, copied, and what one may take
  EXPECT_GT(counts["verify 3"], mutants / 4);
}

INSTANTIATE_TEST_SUITE_P(Part, Mutants, ::testing::Range(0, kParts));

}  // namespace
}  // namespace lensbench::testing
