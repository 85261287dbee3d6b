#include "cli/parse/config_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "cli/parse/options.hpp"
#include "framework/cli/made_command.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

// A file of settings, and how it is merged with the command line.

namespace lensbench::cli {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Command& configured() {
  static const Command command = lensbench::testing::made_command(
      "probe", {},
      {{.name = "model", .argument = "DIR", .help = "model", .required = true},
       {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
       {.name = "set", .argument = "KEY=VALUE", .help = "a setting", .repeats = true},
       {.name = "config", .argument = "FILE", .help = "file of options"},
       {.name = "seed", .argument = "N", .help = "seed", .values = Values::count, .initial = "7"},
       {.name = "quiet", .argument = "", .help = "say nothing", .letter = 'q'}});
  return command;
}

class ConfigFileTest : public ::testing::Test {
 protected:
  std::string file(const std::string& text) { return folder_.write("run.ini", text); }

  Options merged(const std::string& text, Arguments more = {}) {
    more.insert(more.end(), {"--config", file(text)});
    return Options(configured(), more);
  }
  std::string refusal(const std::string& text) {
    return message_of<InputError>([&] { merged(text, {"--model", "m"}); });
  }

 private:
  TempDir folder_;
};

TEST_F(ConfigFileTest, HoldsEntriesWithTheirLines) {
  const ConfigFile config =
      read_config_file(file("# a comment\n\nmodel = a b \r\n  seed=3\n[set]\ntop_k = 5\n"));
  ASSERT_EQ(config.entries.size(), 3u);
  EXPECT_EQ(config.entries[0].key, "model");
  EXPECT_EQ(config.entries[0].value, "a b");
  EXPECT_EQ(config.entries[0].line, 3u);
  EXPECT_EQ(config.entries[1].line, 4u);
  EXPECT_EQ(config.entries[2].key, "set.top_k");
  EXPECT_EQ(config.entries[2].value, "5");
  EXPECT_TRUE(config.where(config.entries[2]).ends_with("run.ini:6"));
}

TEST_F(ConfigFileTest, KeepsBlanksBetweenQuotesAndEqualsSignsInValues) {
  const ConfigFile config = read_config_file(file("a = \" And \"\nb = x=y\nc = \"\"\nd = \"\n"));
  EXPECT_EQ(config.entries[0].value, " And ");
  EXPECT_EQ(config.entries[1].value, "x=y");
  EXPECT_EQ(config.entries[2].value, "");
  EXPECT_EQ(config.entries[3].value, "\"");
}

TEST_F(ConfigFileTest, RefusesWhatIsNoIniNamingTheLine) {
  EXPECT_THAT(message_of<InputError>([&] { read_config_file(file("model = a\njust words\n")); }),
              AllOf(HasSubstr("run.ini:2: "), HasSubstr("'just words'")));
  EXPECT_THAT(message_of<InputError>([&] { read_config_file(file("= a\n")); }),
              HasSubstr("run.ini:1: "));
  EXPECT_THAT(message_of<InputError>([&] { read_config_file(file("prompt = a # b\n")); }),
              AllOf(HasSubstr("run.ini:1: "), HasSubstr("'#'")));
}

TEST_F(ConfigFileTest, RefusesWhatIsNoTextOrTooLarge) {
  EXPECT_THAT(message_of<InputError>([&] { read_config_file(file("a = \xff\n")); }),
              HasSubstr("not UTF-8"));
  const std::string large = "a = " + std::string(1'000'000, 'x');
  EXPECT_THAT(message_of<InputError>([&] { read_config_file(file(large)); }),
              HasSubstr("1000004 bytes"));
  EXPECT_THAT(message_of<InputError>([] { read_config_file("/nowhere/run.ini"); }),
              HasSubstr("cannot be read"));
  const TempDir folder;
  EXPECT_THAT(message_of<InputError>([&] { read_config_file(folder.path()); }),
              HasSubstr("cannot be read"));
}

TEST_F(ConfigFileTest, GivesOptionsThatTheCommandLineDoesNot) {
  const Options options = merged("model = there\nseed = 3\nprompt = a\nprompt = b\nquiet = true\n");
  EXPECT_EQ(options.text("model"), "there");
  EXPECT_EQ(options.count("seed"), 3u);
  EXPECT_THAT(options.list("prompt"), ElementsAre("a", "b"));
  EXPECT_TRUE(options.flag("quiet"));
}

TEST_F(ConfigFileTest, YieldsToTheCommandLine) {
  const Options options = merged("model = there\nseed = 3\nprompt = a\nprompt = b\n",
                                 {"--model", "here", "--prompt", "c"});
  EXPECT_EQ(options.text("model"), "here");
  EXPECT_EQ(options.count("seed"), 3u);
  EXPECT_THAT(options.list("prompt"), ElementsAre("c"));
}

TEST_F(ConfigFileTest, CannotTakeAFlagOfTheCommandLineBack) {
  EXPECT_TRUE(merged("model = m\nquiet = false\n", {"--quiet"}).flag("quiet"));
  EXPECT_FALSE(merged("model = m\nquiet = false\n").flag("quiet"));
}

TEST_F(ConfigFileTest, PutsItsSettingsBeforeThoseOfTheCommandLine) {
  const Options options = merged("model = m\n[set]\ntop_k = 5\ntarget = x\n", {"--set", "top_k=2"});
  // The last one of equal keys counts.
  EXPECT_THAT(options.list("set"), ElementsAre("top_k=5", "target=x", "top_k=2"));
}

TEST_F(ConfigFileTest, NamesTheLineAndTheNearestOfAnUnknownKey) {
  EXPECT_THAT(refusal("\nseeed = 3\n"),
              AllOf(HasSubstr("run.ini:2: "), HasSubstr("unknown key 'seeed'"),
                    HasSubstr("did you mean 'seed'"), HasSubstr("section [set]")));
  EXPECT_THAT(refusal("config = other.ini\n"), HasSubstr("unknown key 'config'"));
  EXPECT_THAT(refusal("[other]\nseed = 3\n"), HasSubstr("unknown key 'other.seed'"));
}

TEST_F(ConfigFileTest, RefusesASecondValueWhereOneIsMeant) {
  EXPECT_THAT(refusal("seed = 3\nseed = 3\n"),
              AllOf(HasSubstr("run.ini:2: "), HasSubstr("'seed' is given twice")));
  EXPECT_THAT(refusal("[set]\nk = 3\nk = 4\n"),
              AllOf(HasSubstr("run.ini:3: "), HasSubstr("'k' is given twice")));
}

TEST_F(ConfigFileTest, RefusesAValueThatTheOptionCannotHave) {
  EXPECT_THAT(refusal("seed = ten\n"), AllOf(HasSubstr("run.ini:1: "), HasSubstr("'ten'")));
  EXPECT_THAT(refusal("quiet = perhaps\n"),
              AllOf(HasSubstr("run.ini:1: "), HasSubstr("expected true or false")));
}

TEST_F(ConfigFileTest, IsKeptWithTheOptions) {
  const std::string text = "model = m\n# kept as it is\n";
  const Options options = merged(text);
  ASSERT_TRUE(options.config().has_value());
  EXPECT_EQ(options.config()->text, text);
  EXPECT_FALSE(Options(configured(), {"--model", "m"}).config().has_value());
}

TEST_F(ConfigFileTest, IsReadOnlyByCommandsThatHaveSettings) {
  const Command init = lensbench::testing::made_command(
      "init", {}, {{.name = "config", .argument = "FILE", .help = "config.json"}});
  const Options options(init, {"--config", "/nowhere/config.json"});
  EXPECT_EQ(options.text("config"), "/nowhere/config.json");
  EXPECT_FALSE(options.config().has_value());
}

TEST_F(ConfigFileTest, IsNotReadWhereHelpIsAskedFor) {
  EXPECT_TRUE(Options(configured(), {"--config", "/nowhere", "--help"}).flag("help"));
}

}  // namespace
}  // namespace lensbench::cli
