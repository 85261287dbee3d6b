#include "session/plugin_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "framework/session/session_fixture.hpp"
#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::place;
using testing::sha256sum;
using testing::TempDir;

/// Sets LD_LIBRARY_PATH while it lives. The loader read it when the process began.
class LibraryPath {
 public:
  explicit LibraryPath(const char* value) {
    if (const char* now = std::getenv("LD_LIBRARY_PATH")) before_ = now;
    setenv("LD_LIBRARY_PATH", value, 1);
  }
  ~LibraryPath() {
    before_.empty() ? unsetenv("LD_LIBRARY_PATH") : setenv("LD_LIBRARY_PATH", before_.c_str(), 1);
  }
  LibraryPath(const LibraryPath&) = delete;
  LibraryPath& operator=(const LibraryPath&) = delete;

 private:
  std::string before_;
};

std::vector<std::string> warnings_of(const PluginSearch& search) {
  std::vector<std::string> warnings;
  PluginHost host(plugin_policy(search));
  find_plugins(host, search, [&](const std::string& sentence) { warnings.push_back(sentence); });
  return warnings;
}

TEST(PluginSearch, WarnsOfALibraryPathThatHasTheCurrentDirectory) {
  for (const char* path :
       {":/usr/lib", "/usr/lib:", "/usr/lib::/opt", "lib", "/usr/lib:.", "/usr/lib;lib", ":"}) {
    const LibraryPath set(path);
    EXPECT_THAT(warnings_of({}), ElementsAre(HasSubstr("LD_LIBRARY_PATH"))) << path;
  }
}

TEST(PluginSearch, IsSilentOfALibraryPathOfAbsoluteFolders) {
  for (const char* path : {"", "/usr/lib", "/usr/lib:/opt/lib", "/usr/lib;/opt"}) {
    const LibraryPath set(path);
    EXPECT_THAT(warnings_of({}), IsEmpty()) << path;
  }
}

TEST(PluginSearch, WarnsWhereLibrariesMayBeLoadedThatOthersCanChange) {
  const LibraryPath set("");
  PluginSearch search;
  search.allow_insecure = true;
  EXPECT_THAT(warnings_of(search), ElementsAre(HasSubstr("insecure plug-ins are allowed")));
  EXPECT_TRUE(plugin_policy(search).allow_insecure);
  EXPECT_FALSE(plugin_policy({}).allow_insecure);
}

TEST(PluginSearch, RegistersWhatItsFoldersHold) {
  const TempDir folder;
  const auto file = place(folder, "good");
  PluginHost host;
  find_plugins(host, {{folder.path()}, "", {}, false}, [](const std::string&) {});
  EXPECT_EQ(host.find(PluginEntryKind::tool, "token_count").path, file);
}

TEST(PluginSearch, RegistersALibraryThatAPinNames) {
  const TempDir folder;
  const auto file = place(folder, "good");
  PluginSearch search;
  search.pins = {{"token_count", file.string()}};
  PluginHost host(plugin_policy(search));
  find_plugins(host, search, [](const std::string&) {});
  EXPECT_EQ(host.find(PluginEntryKind::tool, "token_count").path, file);
}

TEST(PluginSearch, NamesTheNearestOfAPinOfNothing) {
  const TempDir folder;
  const auto file = place(folder, "good");
  PluginSearch search;
  search.dirs = {folder.path()};
  search.pins = {{"token_cuont", sha256sum(file)}};
  EXPECT_THAT(message_of<UsageError>([&] { warnings_of(search); }),
              AllOf(HasSubstr("pin 'token_cuont'"), HasSubstr("'token_count'")));
}

TEST(PluginSearch, RefusesAFolderThatIsNotThere) {
  PluginSearch search;
  search.dirs = {"/nowhere/plugins"};
  EXPECT_THAT(message_of<PluginError>([&] { warnings_of(search); }), HasSubstr("/nowhere/plugins"));
}

TEST(PluginPolicyOfSearch, HasTheLockThatItsFileHolds) {
  const TempDir folder, other;
  const auto file = place(folder, "good");
  PluginHost host;
  host.load_directory(folder.path());
  PluginSearch search;
  search.lock = other.write("plugins.lock", host.lock().text());
  const auto policy = plugin_policy(search);
  ASSERT_TRUE(policy.lock.has_value());
  ASSERT_EQ(policy.lock->plugins.size(), 1u);
  EXPECT_EQ(policy.lock->plugins[0].sha256, sha256sum(file));
  EXPECT_FALSE(plugin_policy({}).lock.has_value());
}

TEST(PluginPolicyOfSearch, RefusesALockThatCannotBeRead) {
  PluginSearch search;
  search.lock = "/nowhere/plugins.lock";
  EXPECT_THAT(message_of<InputError>([&] { plugin_policy(search); }),
              HasSubstr("/nowhere/plugins.lock"));
}

}  // namespace
}  // namespace lensbench
