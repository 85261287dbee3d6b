#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "plugin/descriptor_reader.hpp"
#include "plugin/plugin_host.hpp"
#include "support/fixture_plugins.hpp"
#include "support/process.hpp"

// Libraries that are refused, each with its own sentence.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::fixture;
using ::testing::HasSubstr;
using testing::place;
using testing::TempDir;

// The fault and the sentence a file is refused with.
PluginError refusal_of(const fs::path& path, PluginPolicy policy = {}) {
  PluginHost host(std::move(policy));
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

class PluginRefusal : public ::testing::TestWithParam<Refused> {};

TEST_P(PluginRefusal, NamesTheFileAndTheReason) {
  const TempDir directory;
  const auto error = refusal_of(place(directory, GetParam().file));
  EXPECT_EQ(error.fault(), GetParam().fault);
  EXPECT_EQ(error.exit_code(), 4);
  EXPECT_THAT(error.what(), HasSubstr(std::string(GetParam().file) + ".so"));
  EXPECT_THAT(error.what(), HasSubstr(GetParam().sentence));
}

INSTANTIATE_TEST_SUITE_P(
    Fixtures, PluginRefusal,
    ::testing::Values(
        Refused{"wrong_api", PluginFault::wrong_api, "built for plug-in API 99.0, this lensbench"},
        Refused{"newer_minor", PluginFault::wrong_api, "update lensbench"},
        Refused{"older_major", PluginFault::wrong_api, "rebuild the plug-in"},
        Refused{"wrong_abi", PluginFault::wrong_abi, "cxx11-strings 0"},
        Refused{"wrong_format", PluginFault::wrong_format, "unknown format"},
        Refused{"no_descriptor", PluginFault::no_descriptor, "lacks LENSBENCH_PLUGIN"},
        Refused{"undefined_symbol", PluginFault::not_loadable,
                "undefined symbol: at::no_library_has_this_function(int)"},
        Refused{"unnamed_entry", PluginFault::malformed,
                "field entries[1].name: invalid name; expected"},
        Refused{"api_1", PluginFault::wrong_api,
                "built for plug-in API 1, this lensbench has 2.0; rebuild the plug-in"},
        Refused{"bad_default", PluginFault::malformed,
                "parameter 'n': its default is 'abc', expected an integer"},
        Refused{"reserved_name", PluginFault::malformed,
                "parameter 'max_pixels': lensbench reads a setting of this name itself"},
        Refused{"at_load_crash", PluginFault::crashed, "loading it ends the process (Segmentation"},
        Refused{"at_load_give_up", PluginFault::crashed, "loading it ends the process (Aborted"},
        Refused{"at_load_leave", PluginFault::crashed, "exit with code 0"},
        Refused{"at_load_complain", PluginFault::crashed, "no licence found"},
        Refused{"crashing_factory", PluginFault::crashed, "making its tool 'crashes' ends"}),
    [](const auto& refused) { return std::string(refused.param.file); });

TEST(PluginRefusal, GivesUpOnALibraryThatHangsAndEndsWhatItStarted) {
  const TempDir directory;
  for (const char* name : {"at_load_hang", "at_load_hide"}) {
    PluginPolicy policy;
    policy.load_limit = std::chrono::milliseconds(1000);
    const auto error = refusal_of(place(directory, name), policy);
    EXPECT_EQ(error.fault(), PluginFault::crashed);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(name), HasSubstr("takes more than 1 s")));
  }
}

TEST(PluginRefusal, OfOneLibraryDoesNotKeepThoseAfterItFromBeingTried) {
  const TempDir directory;
  place(directory, "at_load_crash", "b.so");
  place(directory, "at_load_leave", "d.so");
  place(directory, "good", "a.so");
  place(directory, "crashing_factory", "c.so");
  place(directory, "odd_results", "e.so");
  place(directory, "api_1", "f.so");
  PluginHost host;
  host.load_directory(directory.path());
  host.try_all();
  std::set<std::string> good, refused;
  for (const auto& entry : host.entries()) good.insert(entry.path.filename());
  for (const auto& refusal : host.refusals()) refused.insert(refusal.path.filename());
  EXPECT_EQ(good, (std::set<std::string>{"a.so", "e.so"}));
  EXPECT_EQ(refused, (std::set<std::string>{"b.so", "c.so", "d.so", "f.so"}));
}

TEST(PluginRefusal, OfAFileThatIsNoLibrary) {
  const TempDir directory;
  for (const char* content : {"", "not a library", "\177EL"})
    EXPECT_THAT(refusal_of(directory.write("plugin.so", content)).what(),
                HasSubstr("no ELF header"));
}

// Overwrites bytes of a good library.
fs::path patched(const TempDir& directory, std::size_t offset, std::string_view bytes) {
  const auto file = place(directory, "good", "patched.so");
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(offset));
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return file;
}

TEST(PluginRefusal, OfAnotherProcessorArchitecture) {
  const TempDir directory;
  // s390x; then a 32-bit header, and one of the other byte order.
  const auto machine = patched(directory, offsetof(Elf64_Ehdr, e_machine), {"\x16\0", 2});
  EXPECT_THAT(refusal_of(machine).what(), HasSubstr("another processor architecture"));
  const auto narrow = patched(directory, EI_CLASS, {"\x01", 1});
  EXPECT_THAT(refusal_of(narrow).what(), HasSubstr("32 bits"));
  const auto swapped = patched(directory, EI_DATA, {"\x02", 1});
  EXPECT_THAT(refusal_of(swapped).what(), HasSubstr("byte order"));
  const auto program = patched(directory, offsetof(Elf64_Ehdr, e_type), {"\x01\0", 2});
  EXPECT_THAT(refusal_of(program).what(), HasSubstr("not a shared library"));
}

TEST(PluginRefusal, OfATruncatedLibraryAtEveryLengthWithoutMappingIt) {
  const TempDir directory;
  const std::string whole = testing::slurp(fixture("good"));
  std::uint64_t tried = 0;
  for (std::uint64_t size = 0; size < whole.size(); size += size < 256 ? 1 : 1009) {
    const auto file = directory.write("cut.so", std::string_view(whole).substr(0, size));
    PluginHost host;
    EXPECT_THROW(host.add(file), PluginError) << size;
    EXPECT_TRUE(host.entries().empty());
    ++tried;
  }
  EXPECT_GT(tried, 256u);
}

// Whatever a damaged file says, reading it stays inside its bytes (the address sanitizer would
// tell) and either gives entries or a PluginError.
TEST(PluginRefusal, OfDamagedBytesIsAnErrorAndNeverMore) {
  const TempDir directory;
  const std::string whole = testing::slurp(fixture("good"));
  std::uint64_t state = 1;
  const auto random = [&] { return state = state * 6364136223846793005u + 1442695040888963407u; };
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = whole;
    // Headers, dynamic section and tables are at both ends.
    for (int k = 0; k < 8; ++k) {
      const auto range = k % 2 == 0 ? std::size_t{4096} : bytes.size();
      bytes[16 + (random() >> 20) % (range - 16)] = static_cast<char>(random() >> 33);
    }
    PluginHost host;
    try {
      host.add(directory.write("damaged.so", bytes));
    } catch (const PluginError&) {
      ++refused;
    }
  }
  // Most bytes of a library are code, which is not read; a larger library is refused less often.
  EXPECT_GT(refused, 20);
}

TEST(PluginApi, LoadsWhatWasBuiltForTheSameMajorAndNoNewerMinorVersion) {
  EXPECT_TRUE(is_compatible_api(2, 3, 2, 3));
  EXPECT_TRUE(is_compatible_api(2, 0, 2, 3));
  EXPECT_FALSE(is_compatible_api(2, 4, 2, 3));
  EXPECT_FALSE(is_compatible_api(1, 0, 2, 3));
  EXPECT_FALSE(is_compatible_api(3, 0, 2, 3));
}

}  // namespace
}  // namespace lensbench
