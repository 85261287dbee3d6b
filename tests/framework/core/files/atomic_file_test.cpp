#include "core/files/atomic_file.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <lensbench/error.hpp>

#include "support/file_size_limit.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using testing::slurp;

std::size_t entries(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(AtomicFile, HoldsExactlyTheBytesAndLeavesNothingElse) {
  const testing::TempDir folder;
  const std::string bytes("a\0b\xFF", 4);
  write_file_atomically(folder / "x.bin", bytes);
  EXPECT_EQ(slurp(folder / "x.bin"), bytes);
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, ReplacesAnEarlierFile) {
  const testing::TempDir folder;
  write_file_atomically(folder / "x", "a long first text");
  write_file_atomically(folder / "x", "second");
  EXPECT_EQ(slurp(folder / "x"), "second");
}

TEST(AtomicFile, UsesTheGivenTemporaryFolder) {
  const testing::TempDir folder;
  std::filesystem::create_directory(folder / "tmp");
  write_file_atomically(folder / "x", "text", folder / "tmp");
  EXPECT_EQ(slurp(folder / "x"), "text");
  EXPECT_EQ(entries(folder / "tmp"), 0u);
}

TEST(AtomicFile, LeavesNothingUnderTheFinalNameWhenTheDiskIsFull) {
  const testing::TempDir folder;
  {
    const testing::FileSizeLimit limit(1000);
    EXPECT_THROW(write_file_atomically(folder / "x", std::string(5000, 'a')), RunError);
  }
  EXPECT_EQ(entries(folder.path()), 0u);
}

TEST(AtomicFile, TakesATextAsItIsMade) {
  const testing::TempDir folder;
  std::string expected;
  write_file_atomically(folder / "x", [&](std::ostream& out) {
    for (int i = 0; i < 50000; ++i) {
      out << i << '\n';
      expected += std::to_string(i) + '\n';
    }
  });
  EXPECT_EQ(slurp(folder / "x"), expected);
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, LeavesNothingOfATextThatFillsTheDiskOrIsGivenUp) {
  const testing::TempDir folder;
  {
    const testing::FileSizeLimit limit(100'000);
    EXPECT_THROW(write_file_atomically(folder / "x",
                                       [](std::ostream& out) { out << std::string(300'000, 'a'); }),
                 RunError);
  }
  EXPECT_THROW(write_file_atomically(folder / "x",
                                     [](std::ostream& out) {
                                       out << "begun";
                                       throw InputError("damaged");
                                     }),
               InputError);
  EXPECT_EQ(entries(folder.path()), 0u);
}

TEST(AtomicFile, KeepsTheEarlierFileWhenTheDiskIsFull) {
  const testing::TempDir folder;
  write_file_atomically(folder / "x", "first");
  {
    const testing::FileSizeLimit limit(1000);
    EXPECT_THROW(write_file_atomically(folder / "x", std::string(5000, 'a')), RunError);
  }
  EXPECT_EQ(slurp(folder / "x"), "first");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, SaysFileAndReasonWhenTheFolderIsMissing) {
  const testing::TempDir folder;
  try {
    write_file_atomically(folder / "missing/x", "text");
    FAIL();
  } catch (const RunError& error) {
    EXPECT_NE(std::string(error.what()).find("missing/x"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos);
  }
}

TEST(AtomicFile, IsNotHeldUpByALeftoverTemporaryFile) {
  const testing::TempDir folder;
  std::ofstream(folder / ("x.part-" + std::to_string(::getpid()))) << "left by a killed process";
  write_file_atomically(folder / "x", "text");
  EXPECT_EQ(slurp(folder / "x"), "text");
  EXPECT_EQ(entries(folder.path()), 1u);
}

}  // namespace
}  // namespace lensbench
