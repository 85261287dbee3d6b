
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "bench/plugin_handles.hpp"
#include "plugin/plugin_host.hpp"
#include "support/error_matchers.hpp"
#include "support/fixture_plugins.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::place;
using testing::TempDir;

// A folder with two plug-ins, and a lock of them.
struct Locked {
  Locked() {
    place(directory, "good");
    place(directory, "throwing_factory");
    PluginHost host;
    host.load_directory(directory.path());
    policy.lock = PluginLock::read(other.write("plugins.lock", host.lock().text()));
  }
  TempDir directory, other;
  PluginPolicy policy;
};

TEST(PluginLock, LetsTheBinariesLoadThatItWasWrittenOf) {
  Locked locked;
  PluginHost host(locked.policy);
  host.load_directory(locked.directory.path());
  EXPECT_TRUE(host.refusals().empty());
  EXPECT_TRUE(host.complaints().empty());
  EXPECT_NE(create_tool(host, "token_count"), nullptr);
}

TEST(PluginLock, RefusesAChangedBinaryNamingBothHashes) {
  Locked locked;
  const auto file = locked.directory / "good.so";
  const auto& listed = locked.policy.lock->plugins[0];
  ASSERT_EQ(listed.file, "good.so");
  std::ofstream(file, std::ios::app) << "x";
  PluginHost host(locked.policy);
  host.load_directory(locked.directory.path());
  ASSERT_EQ(host.refusals().size(), 1u);
  EXPECT_EQ(host.refusals()[0].fault, PluginFault::not_pinned);
  PluginHost free;
  free.add(file);
  EXPECT_THAT(host.refusals()[0].message,
              AllOf(HasSubstr(listed.sha256), HasSubstr(free.entries()[0].sha256)));
  EXPECT_THAT(message_of<PluginError>([&] { create_tool(host, "token_count"); }),
              HasSubstr(listed.sha256));
}

TEST(PluginLock, RefusesAnUnlistedBinaryAndTellsAMissingOne) {
  Locked locked;
  fs::remove(locked.directory / "good.so");
  place(locked.directory, "odd_results");
  PluginHost host(locked.policy);
  host.load_directory(locked.directory.path());
  ASSERT_EQ(host.refusals().size(), 1u);
  EXPECT_THAT(host.refusals()[0].message, HasSubstr("odd_results.so': not in lock"));
  ASSERT_EQ(host.complaints().size(), 1u);
  EXPECT_THAT(host.complaints()[0], AllOf(HasSubstr("good.so"), HasSubstr("not found")));
  EXPECT_THAT(message_of<PluginError>([&] { create_tool(host, "token_count"); }),
              HasSubstr("locked: 'good.so'"));
}

TEST(PluginLock, AcceptsTheSameBinaryInAnotherPlace) {
  Locked locked;
  const TempDir moved;
  place(moved, "good", "renamed.so");
  PluginHost host(locked.policy);
  host.load_directory(moved.path());
  EXPECT_TRUE(host.refusals().empty());
}

TEST(PluginLock, IsRefusedWhenMalformedSayingWhere) {
  const TempDir directory;
  const std::string hash(64, 'a');
  const auto entry = [](const std::string& sha256) {
    return R"({"name": "a", "file": "a.so", "sha256": ")" + sha256 + R"(", "entries": []})";
  };
  const auto lock = [](const std::string& list) {
    return R"({"lensbench_plugin_lock": 1, "plugins": [)" + list + "]}";
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "JSON"},
      {"[]", "expected an object"},
      {R"({"plugins": []})", "expected an object"},
      {R"({"lensbench_plugin_lock": 2, "plugins": []})", "version 2 is unknown"},
      {lock("7"), "entry 0: needs name"},
      {lock(R"({"name": "a"})"), "entry 0: needs name"},
      {lock(entry("abc")), "64 lower-case"},
      {lock(entry(hash) + "," + entry(hash)), "entry 1: sha256 " + hash + " is listed twice"}};
  for (const auto& [text, sentence] : cases) {
    const auto file = directory.write("plugins.lock", text);
    EXPECT_THAT(message_of<InputError>([&] { PluginLock::read(file); }),
                AllOf(HasSubstr("plugins.lock"), HasSubstr(sentence)))
        << text;
  }
  EXPECT_THROW(PluginLock::read(directory / "none"), InputError);
}

}  // namespace
}  // namespace lensbench
