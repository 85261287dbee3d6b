
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "bench/plugin_handles.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/fixture_plugins.hpp"
#include "support/folders.hpp"
#include "support/process.hpp"
#include "support/random_model.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::fixture;
using ::testing::HasSubstr;
using testing::message_of;
using testing::place;
using testing::place_new;
using testing::TempDir;

// From sha256sum(1), not from the code under test.
std::string sha256sum(const fs::path& file) {
  return testing::run({"/usr/bin/sha256sum", file.string()}).out.substr(0, 64);
}

TEST(PluginHost, LoadsAToolWithItsIdentityParametersAndSource) {
  const TempDir directory;
  const auto file = place(directory, "good");
  PluginHost host;
  host.load(file);
  ASSERT_EQ(host.entries().size(), 1u);
  const auto& entry = host.find(PluginEntryKind::tool, "token_count");
  EXPECT_EQ(entry.version, "1.2.3");
  EXPECT_EQ(entry.summary, "Counts tokens.");
  EXPECT_EQ(entry.plugin, "good");
  EXPECT_EQ(entry.sha256, sha256sum(file));
  ASSERT_EQ(entry.parameters.size(), 1u);
  EXPECT_EQ(entry.parameters[0].name, "scale");
  EXPECT_EQ(entry.parameters[0].default_value, "1");
  EXPECT_EQ(entry.source,
            testing::slurp(testing::source_folder() + "/tests/fixtures/plugins/good.cpp"));
  EXPECT_NE(create_tool(host, "token_count"), nullptr);
}

TEST(PluginHost, RunsNoCodeOfALibraryThatIsOnlyListed) {
  const TempDir directory;
  place_new(directory, "at_load_mark");
  const auto marker = directory / "marker";
  setenv("LENSBENCH_TEST_MARKER", marker.c_str(), 1);
  PluginHost host;
  host.load_directory(directory.path());
  EXPECT_EQ(host.entries().size(), 1u);
  EXPECT_FALSE(fs::exists(marker));
  create_tool(host, "token_count");
  EXPECT_TRUE(fs::exists(marker));
  unsetenv("LENSBENCH_TEST_MARKER");
}

TEST(PluginHost, LetsNoneOfTwoLibrariesWinThatOfferTheSameTool) {
  const TempDir directory;
  const auto a = place(directory, "good"), b = place(directory, "duplicate");
  PluginHost host;
  host.load_directory(directory.path());
  EXPECT_TRUE(host.refusals().empty());
  try {
    create_tool(host, "token_count");
    FAIL() << "one of them won";
  } catch (const PluginError& error) {
    EXPECT_EQ(error.fault(), PluginFault::duplicate_name);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(a.string()), HasSubstr(b.string()),
                                    HasSubstr("pin 'token_count' to one")));
  }
  ASSERT_EQ(host.complaints().size(), 1u);
}

TEST(PluginHost, TakesTheOneThatIsPinnedByHashOrByPath) {
  const TempDir directory;
  place(directory, "good");
  const auto wanted = place(directory, "duplicate");
  for (const std::string& pin : {sha256sum(wanted), wanted.string()}) {
    PluginPolicy policy;
    policy.pins["token_count"] = pin;
    PluginHost host(policy);
    host.load_directory(directory.path());
    EXPECT_EQ(host.find(PluginEntryKind::tool, "token_count").path, wanted) << pin;
    EXPECT_TRUE(host.complaints().empty());
  }
}

TEST(PluginHost, RefusesAToolWhoseOnlyLibraryIsNotThePinnedOne) {
  const TempDir directory;
  const auto file = place(directory, "good");
  PluginPolicy policy;
  policy.pins["token_count"] = std::string(64, 'a');
  PluginHost host(policy);
  host.add(file);
  EXPECT_THAT(message_of<PluginError>([&] { create_tool(host, "token_count"); }),
              AllOf(HasSubstr(std::string(64, 'a')), HasSubstr(sha256sum(file))));
}

TEST(PluginHost, SeesNoConflictBetweenTwoCopiesOfOneBinary) {
  const TempDir one, two;
  place(one, "good");
  place(two, "good");
  PluginHost host;
  host.load_directory(one.path());
  host.load_directory(two.path());
  EXPECT_NE(create_tool(host, "token_count"), nullptr);
  EXPECT_TRUE(host.complaints().empty());
}

TEST(PluginHost, ListsALibraryOnceThoughItsFolderIsNamedTwice) {
  const TempDir directory;
  place(directory, "good");
  PluginHost host;
  host.load_directory(directory.path());
  host.load_directory(directory.path());
  EXPECT_EQ(host.entries().size(), 1u);
  EXPECT_TRUE(host.refusals().empty());
}

TEST(PluginHost, KeepsGoodLibrariesOfAFolderThatHasBadOnes) {
  const TempDir directory;
  place(directory, "good");
  place(directory, "wrong_api", "a_old.so");
  PluginHost host;
  host.load_directory(directory.path());
  EXPECT_EQ(host.entries().size(), 1u);
  ASSERT_EQ(host.refusals().size(), 1u);
  EXPECT_EQ(host.refusals()[0].path.filename(), "a_old.so");
}

TEST(PluginHost, SaysWhereItSearchedAndWhatItRefusedWhenAToolIsMissing) {
  const TempDir directory;
  place(directory, "wrong_api", "old.so");
  PluginHost host;
  host.load_directory(directory.path());
  EXPECT_THAT(message_of<PluginError>([&] { create_tool(host, "logit_lens"); }),
              AllOf(HasSubstr(directory.path().string()), HasSubstr("old.so")));
}

TEST(PluginHost, RefusesBytesThatChangedBetweenListingAndLoading) {
  const TempDir directory;
  const auto file = place_new(directory, "good");
  PluginHost host;
  host.load_directory(directory.path());
  const auto listed = sha256sum(file);
  place(directory, "at_load_mark", "new.so");
  fs::rename(directory / "new.so", file);
  EXPECT_THAT(message_of<PluginError>([&] { create_tool(host, "token_count"); }),
              AllOf(HasSubstr("changed"), HasSubstr(listed), HasSubstr(sha256sum(file))));
}

TEST(PluginHost, GoesOnWithTheBytesItLoadedWhenTheFileIsOverwritten) {
  const TempDir directory;
  const auto file = place(directory, "good");
  PluginHost host;
  host.load(file);
  // In place: a library that was mapped from the file itself would now run this.
  std::ofstream(file, std::ios::binary | std::ios::in) << std::string(4096, '\0');
  const auto model = random_model(small_gpt2_spec(), 1);
  Context context = testing::context_of(model);
  const auto tool = create_tool(host, "token_count");
  tool->attach(context, host.find(PluginEntryKind::tool, "token_count").parameters);
  const auto result = tool->run(tokens_from_ids(*model, {1, 2, 3}), {{"scale", "2"}});
  EXPECT_EQ(result["count"].tensor.item<double>(), 6);
}

// Under the address sanitizer this finds what a tool does not release, or releases too early.
TEST(PluginHost, LeavesResultsAndErrorsAliveWhenToolAndHostAreGoneAHundredTimes) {
  const TempDir directory;
  const auto file = place(directory, "good");
  const auto broken = place(directory, "throwing_factory");
  const auto model = random_model(small_gpt2_spec(), 1);
  const auto tokens = tokens_from_ids(*model, {1, 2, 3});
  std::vector<Dataset> results;
  for (int i = 0; i < 100; ++i) {
    PluginHost host;
    host.load(file);
    host.add(broken);
    Context context = testing::context_of(model);
    const auto tool = create_tool(host, "token_count");
    tool->attach(context, host.find(PluginEntryKind::tool, "token_count").parameters);
    results.push_back(tool->run(tokens, {{"scale", std::to_string(i)}}));
    EXPECT_THROW(create_tool(host, "throws"), PluginError);
  }
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(results[static_cast<std::size_t>(i)]["count"].tensor.item<double>(), 3 * i);
}

TEST(PluginHost, LoadsALibraryThatNeedsAnotherOfItsFolder) {
  const TempDir directory;
  const auto file = place(directory, "needs_companion");
  fs::copy_file(fixture("libcompanion"), directory / "libcompanion.so");
  PluginHost host;
  host.load(file);
  EXPECT_NE(create_tool(host, "token_count"), nullptr);
}

TEST(PluginHost, SaysWhatAFactoryThrew) {
  const TempDir directory;
  PluginHost host;
  host.load(place(directory, "throwing_factory"));
  const auto message = [&](const std::string& tool) {
    return message_of<PluginError>([&] { create_tool(host, tool); });
  };
  EXPECT_THAT(message("throws"), AllOf(HasSubstr("tool 'throws'"), HasSubstr("no licence found")));
  EXPECT_THAT(message("throws_int"), HasSubstr("threw something that is not a std::exception"));
  EXPECT_THAT(message("throws_c10"),
              AllOf(HasSubstr("no such device"), ::testing::Not(HasSubstr("frame #"))));
}

TEST(PluginDirectories, RefuseRelativeAndEmptyElementsOfTheVariable) {
  for (const char* value : {".", "plugins", "/a::/b", "/a:"}) {
    setenv("LENSBENCH_PLUGIN_PATH", value, 1);
    EXPECT_THROW(plugin_directories({}), UsageError) << value;
  }
  unsetenv("LENSBENCH_PLUGIN_PATH");
}

TEST(PluginDirectories, RefuseTheCurrentDirectoryUnlessByItsFullPath) {
  for (const char* value : {"", ".", "./", "a/..", "./."})
    EXPECT_THROW(plugin_directories({value}), UsageError) << value;
  const auto here = fs::current_path().string();
  EXPECT_EQ(plugin_directories({here}).front(), here);
}

TEST(PluginDirectories, PutGivenFoldersBeforeTheVariable) {
  setenv("LENSBENCH_PLUGIN_PATH", "/from/variable", 1);
  const auto directories = plugin_directories({"/given"});
  unsetenv("LENSBENCH_PLUGIN_PATH");
  ASSERT_GE(directories.size(), 2u);
  EXPECT_EQ(directories[0], "/given");
  EXPECT_EQ(directories[1], "/from/variable");
}

}  // namespace
}  // namespace lensbench
