#include "core/files/output_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <lensbench/error.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

TEST(OutputFile, MayBeNew) {
  const TempDir folder;
  EXPECT_NO_THROW(check_output_file(folder / "new.html", false, {folder / "a.h5"}));
}

TEST(OutputFile, IsOverwrittenByForceAlone) {
  const TempDir folder;
  const auto file = folder.write("old.html", "old");
  EXPECT_NO_THROW(check_output_file(file, true, {}));
  EXPECT_THAT(message_of<UsageError>([&] { check_output_file(file, false, {}); }),
              HasSubstr("give --force"));
}

TEST(OutputFile, IsNeverAnInputUnderAnyName) {
  const TempDir folder;
  const auto input = folder.write("a.h5", "archive");
  std::filesystem::create_symlink(input, folder / "link.html");
  for (const auto& file : {input, folder / "link.html"})
    EXPECT_THAT(message_of<UsageError>([&] { check_output_file(file, true, {input}); }),
                HasSubstr("is the file that is read"));
}

TEST(OutputFile, IsNeverAPipeADeviceOrAFolder) {
  const TempDir folder;
  ASSERT_EQ(::mkfifo((folder / "pipe.html").c_str(), 0600), 0);
  for (const auto& file : {folder / "pipe.html", std::filesystem::path("/dev/null")})
    EXPECT_THAT(message_of<UsageError>([&] { check_output_file(file, true, {}); }),
                HasSubstr("is not a regular file"));
  EXPECT_THAT(message_of<UsageError>([&] { check_output_file(folder.path(), true, {}); }),
              HasSubstr("is a folder"));
}

TEST(OutputFile, IsNotTheStandardOutput) {
  EXPECT_THAT(message_of<UsageError>([&] { check_output_file("-", true, {}); }),
              HasSubstr("not to standard output"));
}

TEST(OutputFile, NeedsAFolderThatExists) {
  const TempDir folder;
  EXPECT_THAT(
      message_of<UsageError>([&] { check_output_file(folder / "missing" / "a.html", false, {}); }),
      HasSubstr("its folder " + (folder / "missing").string() + " does not exist"));
}

}  // namespace
}  // namespace lensbench
