#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "bench/plugin_handles.hpp"
#include "plugin/plugin_host.hpp"
#include "support/error_matchers.hpp"
#include "support/fixture_plugins.hpp"

// From where a plug-in may be loaded.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::place;
using testing::TempDir;

// Message that refuses a file that is added, or a folder that is searched.
std::string refusal_message(const fs::path& path) {
  PluginHost host;
  return message_of<PluginError>([&] {
    if (path.extension() != ".so" && fs::is_directory(path))
      host.load_directory(path);
    else
      host.add(path);
  });
}

TEST(PluginPlace, RefusesAFileThatOthersCanWriteSayingTheFix) {
  const TempDir directory;
  const auto file = place(directory, "good");
  chmod(file.c_str(), 0666);
  EXPECT_THAT(
      refusal_message(file),
      AllOf(HasSubstr("the file can be written by everyone (mode 0666)"),
            HasSubstr("chmod go-w " + file.string()), HasSubstr("allow insecure plug-ins")));
  chmod(file.c_str(), 0644);
  PluginHost host;
  EXPECT_NO_THROW(host.load(file));
}

TEST(PluginPlace, RefusesAFolderThatOthersCanWriteEvenIfItIsSticky) {
  const TempDir directory;
  place(directory, "good");
  for (const mode_t mode : {0777, 01777}) {
    chmod(directory.path().c_str(), mode);
    EXPECT_THAT(refusal_message(directory.path()),
                HasSubstr("chmod go-w " + directory.path().string()))
        << std::oct << mode;
  }
}

TEST(PluginPlace, RefusesWhatAGroupOfOthersCanWrite) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to any group";
  const TempDir directory;
  const auto file = place(directory, "good");
  ASSERT_EQ(chown(file.c_str(), 0, 12345), 0);
  chmod(file.c_str(), 0664);
  EXPECT_THAT(refusal_message(file), HasSubstr("can be written by its group (mode 0664)"));
  chmod(file.c_str(), 0644);
  ASSERT_EQ(chown(directory.path().c_str(), 0, 12345), 0);
  chmod(directory.path().c_str(), 0775);
  EXPECT_THAT(refusal_message(directory.path()),
              HasSubstr("can be written by its group (mode 0775)"));
}

// The user's private group: with a umask of 002 every file is like this.
TEST(PluginPlace, AcceptsWhatOnlyTheUsersOwnGroupCanWrite) {
  if (geteuid() != 0) GTEST_SKIP() << "who is in the user's group is known for root alone";
  const TempDir directory;
  const auto file = place(directory, "good");
  chmod(file.c_str(), 0664);
  chmod(directory.path().c_str(), 0775);
  PluginHost host;
  EXPECT_NO_THROW(host.load_directory(directory.path()));
  EXPECT_TRUE(host.refusals().empty());
}

TEST(PluginPlace, RefusesAWritableFolderAboveUnlessItIsSticky) {
  const TempDir directory;
  const auto below = directory / "a";
  fs::create_directories(below / "b");
  fs::copy_file(testing::fixture("good"), below / "b" / "good.so");
  chmod(below.c_str(), 0777);
  EXPECT_THAT(refusal_message(below / "b" / "good.so"),
              HasSubstr("the folder '" + below.string() + "' can be written by everyone"));
  chmod(below.c_str(), 01777);
  PluginHost host;
  EXPECT_NO_THROW(host.load(below / "b" / "good.so"));
}

TEST(PluginPlace, RefusesWhatBelongsToSomebodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const TempDir directory;
  const auto file = place(directory, "good");
  ASSERT_EQ(chown(file.c_str(), 12345, 12345), 0);
  EXPECT_THAT(refusal_message(file),
              HasSubstr("the file belongs to (uid 12345), expected root or you"));
  ASSERT_EQ(chown(file.c_str(), 0, 0), 0);
  ASSERT_EQ(chown(directory.path().c_str(), 12345, 12345), 0);
  EXPECT_THAT(refusal_message(file),
              HasSubstr("the folder '" + directory.path().string() + "' belongs"));
}

TEST(PluginPlace, LoadsFromAnywhereWhenToldTo) {
  const TempDir directory;
  const auto file = place(directory, "good");
  chmod(file.c_str(), 0666);
  chmod(directory.path().c_str(), 0777);
  PluginPolicy policy;
  policy.allow_insecure = true;
  PluginHost host(policy);
  host.load_directory(directory.path());
  EXPECT_NE(create_tool(host, "token_count"), nullptr);
}

TEST(PluginPlace, FollowsALinkAndJudgesThePlaceItLeadsTo) {
  const TempDir directory, outside;
  const auto file = place(outside, "good");
  fs::create_symlink(file, directory / "link.so");
  PluginHost host;
  host.load_directory(directory.path());
  ASSERT_EQ(host.entries().size(), 1u);
  EXPECT_EQ(host.entries()[0].path, fs::canonical(file));
  chmod(outside.path().c_str(), 0777);
  EXPECT_THAT(refusal_message(directory / "link.so"), HasSubstr(outside.path().string()));
}

TEST(PluginPlace, RefusesLinksThatLeadNowhere) {
  const TempDir directory;
  fs::create_symlink(directory / "gone", directory / "dangling.so");
  fs::create_symlink(directory / "loop.so", directory / "loop.so");
  EXPECT_THAT(refusal_message(directory / "dangling.so"), HasSubstr("a symbolic link to"));
  EXPECT_THAT(refusal_message(directory / "loop.so"), HasSubstr("symbolic link to itself"));
  EXPECT_THAT(refusal_message(directory / "none.so"), HasSubstr("file or folder not found"));
}

TEST(PluginPlace, RefusesWhatIsNoRegularFileWithoutOpeningIt) {
  const TempDir directory;
  fs::create_directory(directory / "folder.so");
  ASSERT_EQ(mkfifo((directory / "pipe.so").c_str(), 0600), 0);  // opening it would wait for ever
  EXPECT_THAT(refusal_message(directory / "folder.so"), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal_message(directory / "pipe.so"), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal_message("/dev/null"), HasSubstr("not a regular file"));
}

TEST(PluginPlace, RefusesAFolderThatIsNone) {
  const TempDir directory;
  EXPECT_THAT(refusal_message(directory / "none"), HasSubstr("file or folder not found"));
  PluginHost host;
  EXPECT_THAT(message_of<PluginError>([&] { host.load_directory(directory.write("file", "x")); }),
              HasSubstr("not a folder"));
}

// A bare name is what dlopen would look for in LD_LIBRARY_PATH, and Boost in the current directory.
TEST(PluginPlace, NeverTakesABareNameFromTheCurrentDirectory) {
  const TempDir directory;
  place(directory, "good", "libp.so");
  const auto before = fs::current_path();
  fs::current_path(directory.path());
  for (const char* name : {"libp.so", "./libp.so"})
    EXPECT_THAT(refusal_message(name), HasSubstr("not an absolute path")) << name;
  fs::current_path(before);
}

}  // namespace
}  // namespace lensbench
