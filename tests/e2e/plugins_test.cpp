#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "support/command.hpp"
#include "support/fixture_plugins.hpp"

// Plug-ins of others, as users of the command meet them.

namespace lensbench {
namespace {

using ::testing::ContainsRegex;
using testing::place;

// Runs a tool of a folder on one prompt.
Outcome run_tool(const TempDir& directory, const std::string& tool,
                 std::vector<std::string> more = {}) {
  std::vector<std::string> words = {
      "tool", tool,       "--plugin-dir", directory.path(), "--model",
      kModel, "--prompt", "And God said", "--out",          directory / "a.h5"};
  words.insert(words.end(), more.begin(), more.end());
  fs::remove(directory / "a.h5");
  return lensbench(std::move(words));
}

// Escapes a text for a POSIX regular expression.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += (c == '(' || c == ')' ? std::string("\\") : "") + c;
  return result;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(PluginCommand, RefusesEachBadLibraryWithOneSentenceAndExitCode4) {
  const std::map<std::string, std::string> bad = {
      {"wrong_api", "built for plug-in API 99.0"},
      {"newer_minor", "update lensbench"},
      {"wrong_abi", "built with another ABI"},
      {"no_descriptor", "section 'lensbench_plugin' is missing"},
      {"api_1", "built for plug-in API 1, this lensbench has 2.0; rebuild"},
      {"undefined_symbol", "undefined symbol"},
      {"at_load_crash", "ends the process (Segmentation fault)"},
      {"at_load_leave", "exit with code 0"},
      {"at_load_complain", "no licence found"}};
  const TempDir all;
  for (const auto& [name, sentence] : bad) place(all, name);
  const auto listed = lensbench({"list", "tools", "--plugin-dir", all.path()});
  EXPECT_EQ(listed.exit_code, 4);
  for (const auto& [name, sentence] : bad)
    EXPECT_THAT(listed.err, ContainsRegex(name + "\\.so': [^\n]*" + escaped(sentence)));
  EXPECT_EQ(lines(listed.err), bad.size()) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("logit_lens")) << "the good ones are listed all the same";
  for (const char* name : {"wrong_api", "undefined_symbol", "at_load_crash"}) {
    const TempDir directory;
    place(directory, name);
    const auto ran = run_tool(directory, "token_count");
    EXPECT_EQ(ran.exit_code, 4) << name;
    EXPECT_THAT(ran.err, HasSubstr(bad.at(name)));
  }
}

TEST(PluginCommand, RefusesATruncatedLibraryAndOneForAnotherProcessor) {
  const TempDir directory;
  const auto whole = testing::slurp(testing::fixture("good"));
  directory.write("cut.so", std::string_view(whole).substr(0, whole.size() / 3));
  auto foreign = whole;
  foreign[18] = '\x16';
  directory.write("foreign.so", foreign);
  directory.write("text.so", "hello");
  const auto listed = lensbench({"list", "tools", "--plugin-dir", directory.path()});
  EXPECT_EQ(listed.exit_code, 4);
  EXPECT_THAT(listed.err, AllOf(HasSubstr("cut.so': truncated"),
                                HasSubstr("foreign.so': built for another processor"),
                                HasSubstr("text.so': not a shared library")));
  EXPECT_EQ(lines(listed.err), 3u) << listed.err;
}

TEST(PluginCommand, GivesUpOnALibraryThatHangs) {
  const TempDir directory;
  place(directory, "at_load_hang");
  const auto ran = run_tool(directory, "token_count");
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("at_load_hang.so"), HasSubstr("takes more than 10 s")));
}

TEST(PluginCommand, LetsAPinDecideBetweenTwoToolsOfOneName) {
  const TempDir directory;
  const auto one = place(directory, "good");
  place(directory, "duplicate");
  const auto undecided = run_tool(directory, "token_count");
  EXPECT_EQ(undecided.exit_code, 4);
  EXPECT_THAT(undecided.err, AllOf(HasSubstr("good.so"), HasSubstr("duplicate.so"),
                                   HasSubstr("pin 'token_count' to one")));
  EXPECT_EQ(lensbench({"list", "tools", "--plugin-dir", directory.path()}).exit_code, 4);
  EXPECT_EQ(run_tool(directory, "token_count", {"--pin", "token_count=" + one.string()}).exit_code,
            0);
  EXPECT_EQ(run_tool(directory, "token_count", {"--pin", "token_cuont=" + one.string()}).exit_code,
            2);
  EXPECT_EQ(run_tool(directory, "token_count", {"--pin", "token_count"}).exit_code, 2);
}

TEST(PluginCommand, ShowsAndArchivesTheHashOfWhatItLoads) {
  const TempDir directory;
  const auto file = place(directory, "good");
  const auto hash = testing::run({"/usr/bin/sha256sum", file}).out.substr(0, 64);
  const auto listed = lensbench({"list", "tools", "--json", "--plugin-dir", directory.path()});
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  bool found = false;
  for (const auto& entry : json::parse(listed.out))
    if (entry["name"] == "token_count") {
      found = true;
      EXPECT_EQ(entry["path"], file.string());
      EXPECT_EQ(entry["version"], "1.2.3");
      EXPECT_EQ(entry["sha256"], hash);
    }
  EXPECT_TRUE(found);
  EXPECT_THAT(lensbench({"list", "tools", "--plugin-dir", directory.path()}).out,
              AllOf(HasSubstr(file), HasSubstr(hash)));
  ASSERT_EQ(run_tool(directory, "token_count").exit_code, 0);
  const auto dump =
      testing::run({"/usr/bin/h5dump", "-d", "/recipe/plugin_sha256", directory / "a.h5"});
  EXPECT_THAT(dump.out, HasSubstr(hash));
}

TEST(PluginCommand, LoadsNothingThatIsNotInTheLock) {
  const TempDir directory, other;
  const auto file = place(directory, "good");
  const auto written = lensbench({"list", "tools", "--lock", "--plugin-dir", directory.path()});
  ASSERT_EQ(written.exit_code, 0) << written.err;
  const auto lock = other.write("plugins.lock", written.out).string();
  EXPECT_EQ(run_tool(directory, "token_count", {"--plugin-lock", lock}).exit_code, 0);
  EXPECT_EQ(lensbench({"list", "tools", "--plugin-lock", lock, "--plugin-dir", directory.path()})
                .exit_code,
            0);

  const auto before = testing::run({"/usr/bin/sha256sum", file}).out.substr(0, 64);
  std::ofstream(file, std::ios::app) << "changed";
  const auto after = testing::run({"/usr/bin/sha256sum", file}).out.substr(0, 64);
  const auto changed = run_tool(directory, "token_count", {"--plugin-lock", lock});
  EXPECT_EQ(changed.exit_code, 4);
  EXPECT_THAT(changed.err, AllOf(HasSubstr(before), HasSubstr(after)));

  fs::remove(file);
  place(directory, "odd_results");
  const auto unlisted = run_tool(directory, "odd", {"--plugin-lock", lock});
  EXPECT_EQ(unlisted.exit_code, 4);
  EXPECT_THAT(unlisted.err, HasSubstr("odd_results.so': not in lock"));
  const auto listed =
      lensbench({"list", "tools", "--plugin-lock", lock, "--plugin-dir", directory.path()});
  EXPECT_EQ(listed.exit_code, 4);
  EXPECT_THAT(listed.err, AllOf(HasSubstr("not in lock"), HasSubstr("not found")));

  const auto broken = other.write("broken.lock", "{}").string();
  EXPECT_EQ(run_tool(directory, "odd", {"--plugin-lock", broken}).exit_code, 3);
  EXPECT_EQ(run_tool(directory, "odd", {"--plugin-lock", other / "none"}).exit_code, 3);
}

TEST(PluginCommand, LoadsFromAFolderThatOthersCanWriteOnlyWhenToldTo) {
  const TempDir directory;
  place(directory, "good");
  chmod(directory.path().c_str(), 0777);
  const auto refused = run_tool(directory, "token_count");
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, HasSubstr("chmod go-w"));
  EXPECT_EQ(run_tool(directory, "token_count", {"--allow-insecure-plugins"}).exit_code, 0);
}

// Every way to get a library of the current directory loaded; it leaves a mark if it is.
TEST(PluginCommand, LoadsNothingFromTheCurrentDirectory) {
  const TempDir here;
  place(here, "at_load_mark");
  for (const char* name : {"libp.so", "logit_lens.so", "logit_lens"})
    fs::copy_file(here / "at_load_mark.so", here / name);
  const auto marker = here / "marker";
  setenv("LENSBENCH_TEST_MARKER", marker.c_str(), 1);
  const auto before = fs::current_path();
  fs::current_path(here.path());
  setenv("LD_LIBRARY_PATH", ":.", 1);
  EXPECT_EQ(lensbench({"list", "tools"}).exit_code, 0);
  EXPECT_EQ(lensbench({"list", "tools", "--plugin-dir", "."}).exit_code, 2);
  EXPECT_EQ(lensbench({"list", "tools", "--plugin-dir", ""}).exit_code, 2);
  EXPECT_EQ(lensbench({"tool", "libp.so", "--model", kModel, "--prompt", "x"}).exit_code, 4);
  EXPECT_EQ(lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", "And", "--out", "a.h5"})
                .exit_code,
            0);
  for (const char* value : {":", ".", "plugins"}) {
    setenv("LENSBENCH_PLUGIN_PATH", value, 1);
    EXPECT_EQ(lensbench({"list", "tools"}).exit_code, 2) << value;
  }
  unsetenv("LENSBENCH_PLUGIN_PATH");
  unsetenv("LD_LIBRARY_PATH");
  unsetenv("LENSBENCH_TEST_MARKER");
  fs::current_path(before);
  EXPECT_FALSE(fs::exists(marker));
}

// A library that the plug-in needs and that no other process has loaded yet.
TEST(PluginCommand, JudgesTheLibrariesThatAPluginNeeds) {
  const TempDir directory;
  place(directory, "needs_companion");
  const auto alone = run_tool(directory, "token_count");
  EXPECT_EQ(alone.exit_code, 4);
  EXPECT_THAT(alone.err, HasSubstr("libcompanion.so: cannot open shared object file"));
  const auto companion = directory / "libcompanion.so";
  fs::copy_file(testing::fixture("libcompanion"), companion);
  EXPECT_EQ(run_tool(directory, "token_count").exit_code, 0);
  chmod(companion.c_str(), 0666);
  const auto writable = run_tool(directory, "token_count");
  EXPECT_EQ(writable.exit_code, 4);
  EXPECT_THAT(writable.err, AllOf(HasSubstr("libcompanion.so"), HasSubstr("by everyone")));
}

TEST(PluginCommand, RefusesAPluginThatWouldLoadALibraryFromTheCurrentDirectory) {
  const TempDir directory, here;
  place(directory, "needs_current_directory");
  fs::copy_file(testing::fixture("libcompanion"), here / "libcompanion.so");
  const auto before = fs::current_path();
  fs::current_path(here.path());
  const auto ran = run_tool(directory, "token_count");
  fs::current_path(before);
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr("from the current directory"));
}

TEST(PluginCommand, FailsTheCaseOfAToolThatThrowsAndNamesIt) {
  const TempDir directory;
  place(directory, "odd_results");
  for (const char* how : {"throw_std", "throw_c10", "throw_int"}) {
    const auto ran = run_tool(directory, "odd", {"--set", std::string("how=") + how});
    EXPECT_EQ(ran.exit_code, 5);
    EXPECT_THAT(ran.err, HasSubstr("case 'prompt-1' failed: tool 'odd': "));
  }
  const auto nan = run_tool(directory, "odd", {"--set", "how=nan"});
  EXPECT_EQ(nan.exit_code, 5);
  EXPECT_THAT(nan.err, AllOf(HasSubstr("tool 'odd'"), HasSubstr("variable 'odd'")));
}

TEST(PluginCommand, SaysWhatAFactoryThrew) {
  const TempDir directory;
  place(directory, "throwing_factory");
  for (const char* tool : {"throws", "throws_c10", "throws_int"}) {
    const auto ran = run_tool(directory, tool);
    EXPECT_EQ(ran.exit_code, 4);
    EXPECT_THAT(ran.err, HasSubstr(std::string("tool '") + tool + "' of"));
    EXPECT_EQ(lines(ran.err), 1u) << ran.err;
  }
}

}  // namespace
}  // namespace lensbench
