#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "plugin/load_probe.hpp"
#include "plugin/plugin_host.hpp"
#include "support/fixture_plugins.hpp"

// Trials of many libraries at once, by several child processes.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::place;
using testing::place_new;
using testing::TempDir;

std::string numbered(int i) {
  return "library_" + std::to_string(100 + i) + ".so";
}

/// Folder of good libraries but for some, by their numbers.
void place_many(const TempDir& directory, int count, const std::map<int, std::string>& bad) {
  for (int i = 0; i < count; ++i)
    place_new(directory, bad.contains(i) ? bad.at(i) : "good", numbered(i));
}

std::map<std::string, lensbench::PluginRefusal> refusals_of(const PluginHost& host) {
  std::map<std::string, lensbench::PluginRefusal> refusals;
  for (const auto& refusal : host.refusals())
    refusals.emplace(refusal.path.filename().string(), refusal);
  return refusals;
}

TEST(PluginTrials, GiveEachChildProcessAtLeastEightLibrariesAndAProcessor) {
  EXPECT_EQ(trial_children(37, 2), 2u);
  EXPECT_EQ(trial_children(37, 16), 4u);
  EXPECT_EQ(trial_children(15, 16), 1u);
  EXPECT_EQ(trial_children(16, 16), 2u);
  EXPECT_EQ(trial_children(0, 16), 1u);
  EXPECT_EQ(trial_children(37, 0), 1u);  // the number of processors is not known
}

// A child may end between two looks at it, with its last messages unread.
TEST(PluginTrials, RefuseNoneOfManyGoodLibraries) {
  const TempDir directory;
  place_many(directory, 24, {});
  for (int i = 0; i < 10; ++i) {
    PluginHost host;
    host.load_directory(directory.path());
    host.try_all();
    EXPECT_EQ(host.entries().size(), 24u);
    for (const auto& refusal : host.refusals()) ADD_FAILURE() << refusal.message;
  }
}

TEST(PluginTrials, RefuseEachBadLibraryOfManyForItsOwnReason) {
  const TempDir directory;
  const std::map<int, std::string> bad{{0, "at_load_crash"},     {1, "at_load_leave"},
                                       {8, "crashing_factory"},  {9, "undefined_symbol"},
                                       {22, "at_load_complain"}, {23, "at_load_crash"}};
  place_many(directory, 24, bad);
  PluginHost host;
  host.load_directory(directory.path());
  host.try_all();
  const std::map<int, std::string> reasons{{0, "loading it ends the process (Segmentation"},
                                           {1, "exit with code 0"},
                                           {8, "making its tool 'crashes' ends"},
                                           {9, "at::no_library_has_this_function(int)"},
                                           {22, "no licence found"},
                                           {23, "loading it ends the process (Segmentation"}};
  const auto refusals = refusals_of(host);
  ASSERT_EQ(refusals.size(), bad.size());
  for (const auto& [number, reason] : reasons) {
    const auto found = refusals.find(numbered(number));
    ASSERT_NE(found, refusals.end()) << number;
    EXPECT_THAT(found->second.message, AllOf(HasSubstr(numbered(number)), HasSubstr(reason)));
  }
  std::set<fs::path> good;
  for (const auto& entry : host.entries()) good.insert(entry.path);
  EXPECT_EQ(good.size(), 24 - bad.size());
}

TEST(PluginTrials, GoOnWithTheOtherLibrariesAfterOneThatHangs) {
  const TempDir directory;
  place_many(directory, 18, {{0, "at_load_hang"}, {2, "at_load_hide"}, {17, "at_load_crash"}});
  PluginPolicy policy;
  policy.load_limit = std::chrono::milliseconds(2000);
  PluginHost host(policy);
  host.load_directory(directory.path());
  host.try_all();
  const auto refusals = refusals_of(host);
  ASSERT_EQ(refusals.size(), 3u);
  for (const int number : {0, 2})
    EXPECT_THAT(refusals.at(numbered(number)).message, HasSubstr("takes more than 2 s"));
  EXPECT_THAT(refusals.at(numbered(17)).message, HasSubstr("Segmentation"));
  EXPECT_EQ(host.entries().size(), 15u);
}

TEST(PluginTrials, RefuseBytesThatChangedAfterTheyWereListed) {
  const TempDir directory;
  const auto file = place_new(directory, "good");
  PluginHost host;
  host.load_directory(directory.path());
  place(directory, "duplicate", "new.so");
  fs::rename(directory / "new.so", file);
  host.try_all();
  EXPECT_TRUE(host.entries().empty());
  ASSERT_EQ(host.refusals().size(), 1u);
  EXPECT_EQ(host.refusals()[0].fault, PluginFault::not_pinned);
  EXPECT_THAT(host.refusals()[0].message, HasSubstr("changed after it was checked"));
}

// The loader keeps the symbols of such a library for the plug-in that needs it.
TEST(PluginTrials, FindSymbolsOfALibraryThatOnlyThePluginNeeds) {
  const TempDir directory;
  place_new(directory, "needs_companion");
  fs::copy_file(testing::fixture("libcompanion"), directory / "libcompanion.so");
  PluginHost host;
  host.add(directory / "needs_companion.so");
  host.try_all();
  EXPECT_TRUE(host.refusals().empty());
  EXPECT_EQ(host.entries().size(), 1u);
}

}  // namespace
}  // namespace lensbench
