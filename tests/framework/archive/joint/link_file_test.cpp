#include "archive/joint/link_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/error.hpp>

#include "archive/joint/shareable_folder.hpp"
#include "archive/run/pack_files.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using testing::slurp;
using testing::TempDir;

TEST(LinkNewName, GivesAFileASecondName) {
  const TempDir folder;
  folder.write("a", "content");
  EXPECT_TRUE(link_new_name(folder / "a", folder / "b"));
  EXPECT_TRUE(is_same_file(folder / "a", folder / "b"));
}

TEST(LinkNewName, NeverTakesTheNameOfAnotherFile) {
  const TempDir folder;
  folder.write("a", "mine");
  folder.write("b", "another");
  EXPECT_FALSE(link_new_name(folder / "a", folder / "b"));
  EXPECT_EQ(slurp(folder / "b"), "another");
}

// What a network file system does that repeats a request whose answer was lost.
TEST(LinkNewName, SucceedsWhereTheNameIsThatOfTheFileAlready) {
  const TempDir folder;
  folder.write("a", "content");
  ASSERT_TRUE(link_new_name(folder / "a", folder / "b"));
  EXPECT_TRUE(link_new_name(folder / "a", folder / "b"));
}

TEST(LinkNewName, OfAFileThatIsMissingFails) {
  const TempDir folder;
  EXPECT_THROW(link_new_name(folder / "a", folder / "b"), RunError);
}

TEST(ShareableFolder, IsOneOfAnOrdinaryFileSystem) {
  const TempDir folder;
  EXPECT_NO_THROW(require_shareable(folder.path()));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ShareableFolder, IsNotOneThatCannotBeWritten) {
  EXPECT_THROW(require_shareable("/proc"), RunError);
}

}  // namespace
}  // namespace lensbench
