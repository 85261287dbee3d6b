#include "bench/plugin_host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

fs::path fixture(const std::string& name) {
  return fs::path(LENSBENCH_BINARY_DIR) / "lib" / "fixtures" / (name + ".so");
}

// The fault and the sentence a file is refused with.
PluginError refusal_of(PluginHost& host, const fs::path& path) {
  try {
    host.load(path);
  } catch (const PluginError& error) {
    return error;
  }
  ADD_FAILURE() << path << " was not refused";
  return PluginError(PluginFault::malformed, "");
}

struct Refused {
  const char* file;
  PluginFault fault;
  const char* sentence;
};

class PluginHostRefuses : public ::testing::TestWithParam<Refused> {};

TEST_P(PluginHostRefuses, NamingTheFileAndTheReason) {
  PluginHost host;
  const auto error = refusal_of(host, fixture(GetParam().file));
  EXPECT_EQ(error.fault(), GetParam().fault);
  EXPECT_EQ(error.exit_code(), 4);
  EXPECT_THAT(error.what(), HasSubstr(std::string(GetParam().file) + ".so"));
  EXPECT_THAT(error.what(), HasSubstr(GetParam().sentence));
  EXPECT_TRUE(host.entries().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Fixtures, PluginHostRefuses,
    ::testing::Values(
        Refused{"wrong_api", PluginFault::wrong_api, "built for plug-in API 99.0, this lensbench"},
        Refused{"wrong_abi", PluginFault::wrong_abi, "cxx11-strings 0"},
        Refused{"wrong_format", PluginFault::wrong_format, "unknown format"},
        Refused{"no_descriptor", PluginFault::no_descriptor, "lacks LENSBENCH_PLUGIN"},
        Refused{"undefined_symbol", PluginFault::not_loadable, "no_library_has_this_function"},
        Refused{"unnamed_entry", PluginFault::malformed, "entry 1 has no name"}),
    [](const auto& refused) { return std::string(refused.param.file); });

TEST(PluginHost, LoadsAToolWithItsIdentityParametersAndSource) {
  PluginHost host;
  host.load(fixture("good"));
  ASSERT_EQ(host.entries().size(), 1u);
  const auto& entry = host.find(PluginEntryKind::tool, "token_count");
  EXPECT_EQ(entry.version, "1.2.3");
  EXPECT_EQ(entry.summary, "Counts tokens.");
  ASSERT_EQ(entry.parameters.size(), 1u);
  EXPECT_EQ(entry.parameters[0].name, "scale");
  std::ifstream file(std::string(LENSBENCH_SOURCE_DIR) + "/tests/fixtures/plugins/good.cpp");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(entry.source, text);
  EXPECT_NE(host.create_tool("token_count"), nullptr);
}

TEST(PluginHost, RefusesASecondLibraryWithTheSameToolNamingBoth) {
  PluginHost host;
  host.load(fixture("good"));
  const auto error = refusal_of(host, fixture("duplicate"));
  EXPECT_EQ(error.fault(), PluginFault::duplicate_name);
  EXPECT_THAT(error.what(), HasSubstr("good.so"));
  EXPECT_THAT(error.what(), HasSubstr("duplicate.so"));
  EXPECT_EQ(host.entries().size(), 1u);
}

TEST(PluginHost, LoadsALibraryOnceThoughItsFolderIsNamedTwice) {
  const testing::TempDir directory;
  fs::copy_file(fixture("good"), directory / "good.so");
  PluginHost host;
  host.load_directory(directory.path());
  host.load_directory(directory.path());
  EXPECT_EQ(host.entries().size(), 1u);
  EXPECT_TRUE(host.refusals().empty());
}

TEST(PluginHost, SaysWhatAFactoryThrew) {
  PluginHost host;
  host.load(fixture("throwing_factory"));
  try {
    host.create_tool("throws");
    FAIL() << "the factory threw and nothing was said";
  } catch (const PluginError& error) {
    EXPECT_EQ(error.fault(), PluginFault::factory_failed);
    EXPECT_THAT(error.what(), HasSubstr("no licence found"));
  }
  EXPECT_THROW(host.create_tool("throws_int"), PluginError);
}

TEST(PluginHost, RefusesAFileThatIsNoLibrary) {
  const testing::TempDir directory;
  PluginHost host;
  for (const char* content : {"", "not a library", "\177ELF"}) {
    const auto error = refusal_of(host, directory.write("plugin.so", content));
    EXPECT_EQ(error.fault(), PluginFault::not_loadable);
    EXPECT_THAT(error.what(), HasSubstr("no ELF header"));
  }
}

TEST(PluginHost, RefusesATruncatedLibraryWithoutMappingIt) {
  const testing::TempDir directory;
  const auto copy = directory / "cut.so";
  const auto whole = fs::file_size(fixture("good"));
  for (const auto size : {whole / 2, std::uintmax_t{4096}, std::uintmax_t{80}}) {
    fs::copy_file(fixture("good"), copy, fs::copy_options::overwrite_existing);
    fs::resize_file(copy, size);
    PluginHost host;
    EXPECT_EQ(refusal_of(host, copy).fault(), PluginFault::not_loadable) << size;
  }
}

TEST(PluginHost, KeepsGoodLibrariesOfAFolderThatHasBadOnes) {
  const testing::TempDir directory;
  fs::copy_file(fixture("good"), directory / "b_good.so");
  fs::copy_file(fixture("wrong_api"), directory / "a_old.so");
  PluginHost host;
  host.load_directory(directory.path());
  EXPECT_EQ(host.entries().size(), 1u);
  ASSERT_EQ(host.refusals().size(), 1u);
  EXPECT_EQ(host.refusals()[0].path.filename(), "a_old.so");
}

TEST(PluginHost, SaysWhereItSearchedAndWhatItRefusedWhenAToolIsMissing) {
  const testing::TempDir directory;
  fs::copy_file(fixture("wrong_api"), directory / "old.so");
  PluginHost host;
  host.load_directory(directory.path());
  try {
    host.create_tool("logit_lens");
    FAIL();
  } catch (const PluginError& error) {
    EXPECT_EQ(error.fault(), PluginFault::not_found);
    EXPECT_THAT(error.what(), HasSubstr(directory.path().string()));
    EXPECT_THAT(error.what(), HasSubstr("old.so"));
  }
}

TEST(PluginDirectories, RefuseRelativeAndEmptyElementsOfTheVariable) {
  for (const char* value : {".", "plugins", "/a::/b", "/a:"}) {
    setenv("LENSBENCH_PLUGIN_PATH", value, 1);
    EXPECT_THROW(plugin_directories({}), UsageError) << value;
  }
  unsetenv("LENSBENCH_PLUGIN_PATH");
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
