#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "archive/run/pack_files.hpp"
#include "archive/run/packs.hpp"
#include "support/temp_dir.hpp"

// A step between two frames fails once: the file of the next frames cannot be begun, or the full
// one cannot become a pack.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TempDir;

/// Leaves the process only some more descriptors, so that opening another file fails.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{static_cast<rlim_t>(next) + more, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

/// The sanitizer of undefined behaviour opens a pipe to look at objects, which it then reports as
/// broken.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kNeedsDescriptors = true;
#else
constexpr bool kNeedsDescriptors = false;
#endif
constexpr const char* kReason = "the sanitizer needs descriptors of its own";

void append(Packs& packs, std::int64_t index) {
  packs.append({0, index, 0, std::string(64, static_cast<char>('a' + index)), {}},
               UnitImage("failed", {}, {}));
}

/// Numbers of the cases whose frames a later process finds.
std::vector<std::int64_t> found_by_a_later_process(const RunFolder& folder) {
  std::vector<std::int64_t> found;
  Packs(folder, 2).recover(
      [&](const FrameHead& head, const UnitPlace&, const Unit&) { found.push_back(head.index); });
  return found;
}

TEST(PacksFault, OfASyncOfTheFolderLeavesNoFileThatLaterFramesWouldUse) {
  if (kNeedsDescriptors) GTEST_SKIP() << kReason;
  const TempDir dir;
  const RunFolder folder(dir / "a.run");
  {
    Packs packs(folder, 2);
    {
      // One for the file; its folder cannot be opened for a sync.
      const FewDescriptors few(1);
      EXPECT_THROW(append(packs, 0), RunError);
      EXPECT_THROW(append(packs, 1), RunError);
    }
    EXPECT_THAT(part_files(folder.path()), IsEmpty());
    append(packs, 2);
    packs.make_safe();
  }
  EXPECT_THAT(found_by_a_later_process(folder), ElementsAre(2));
}

TEST(PacksFault, OfANewFolderLeavesNoFolderWhoseNameIsNotSynced) {
  if (kNeedsDescriptors) GTEST_SKIP() << kReason;
  const TempDir dir;
  {
    // None for a sync of the parent of the new folder.
    const FewDescriptors few(0);
    EXPECT_THROW(make_folder(dir / "new"), RunError);
  }
  EXPECT_FALSE(fs::exists(dir / "new"));
  make_folder(dir / "new");
  EXPECT_TRUE(fs::exists(dir / "new"));
}

TEST(PacksFault, OfAFullFileConcernsOnlyTheNextFrame) {
  const TempDir dir;
  const RunFolder folder(dir / "a.run");
  {
    Packs packs(folder, 2);
    // The full file cannot get this name.
    fs::create_directories(dir / "a.run/packs/000/000000.pack");
    EXPECT_NO_THROW(append(packs, 0));
    EXPECT_NO_THROW(append(packs, 1));
    EXPECT_THROW(packs.end_if_full(), RunError);
    EXPECT_NO_THROW(append(packs, 2));
    EXPECT_FALSE(packs.end_if_full());
    fs::remove(dir / "a.run/packs/000/000000.pack");
    EXPECT_NO_THROW(append(packs, 3));
    EXPECT_TRUE(packs.end_if_full());
  }
  EXPECT_THAT(found_by_a_later_process(folder), ElementsAre(2, 3, 0, 1));
}

TEST(PacksFault, OfAFullFileLetsAppendFailBeforeItsFrame) {
  const TempDir dir;
  const RunFolder folder(dir / "a.run");
  {
    Packs packs(folder, 2);
    fs::create_directories(dir / "a.run/packs/000/000000.pack");
    EXPECT_NO_THROW(append(packs, 0));
    EXPECT_NO_THROW(append(packs, 1));
    EXPECT_THROW(append(packs, 2), RunError);
    fs::remove(dir / "a.run/packs/000/000000.pack");
    EXPECT_NO_THROW(append(packs, 3));
    packs.make_safe();
  }
  EXPECT_THAT(found_by_a_later_process(folder), ElementsAre(0, 1, 3));
}

TEST(NamedPipe, InPlaceOfAPackIsRefused) {
  const TempDir dir;
  fs::create_directories(dir / "packs/000");
  ASSERT_EQ(::mkfifo((dir / "packs/000/000000.pack").c_str(), 0600), 0);
  ::alarm(60);  // ends the program instead of a wait for ever
  try {
    count_units(dir.path());
    ADD_FAILURE() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("000000.pack: is not a regular file"));
  }
  ::alarm(0);
}

}  // namespace
}  // namespace lensbench
