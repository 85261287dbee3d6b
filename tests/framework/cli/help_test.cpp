#include "cli/shell/help.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "cli/table/commands.hpp"
#include "framework/cli/made_command.hpp"

// Help texts at several widths, without a terminal. Every character of them is ASCII, so that a
// line has as many cells as bytes.

namespace lensbench::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

/// The text as one line, so that a sentence on two lines is whole.
std::string words_of(const std::string& text) {
  std::string line;
  std::istringstream words(text);
  for (std::string word; words >> word;) line += word + " ";
  return line;
}

std::string help_of(const Command& command, int width) {
  return command_help(Options(command, {"--help"}), {}, width);
}

/// Lines that are shown as they are at any width: commands to copy, and paragraphs that begin with
/// blanks.
std::set<std::string> verbatim_lines(const Command& command) {
  std::set<std::string> lines;
  for (const Example& example : command.examples) lines.insert("  " + example.command);
  for (const std::string& paragraph : split_paragraphs(command.description))
    if (paragraph.starts_with(' '))
      for (const auto& line : lines_of(paragraph)) lines.insert(line);
  return lines;
}

void expect_to_fit(const std::string& text, int width, const std::set<std::string>& verbatim,
                   const std::string& subject) {
  for (const auto& line : lines_of(text))
    EXPECT_TRUE(std::ssize(line) <= width || verbatim.contains(line))
        << subject << " at " << width << ": " << line;
}

class HelpAtWidth : public ::testing::TestWithParam<int> {};

// From the narrowest that help_width() gives to the widest.
INSTANTIATE_TEST_SUITE_P(Widths, HelpAtWidth, ::testing::Values(40, 59, 60, 80, 100));

TEST_P(HelpAtWidth, OfEveryCommandFits) {
  for (const Command& command : commands())
    expect_to_fit(help_of(command, GetParam()), GetParam(), verbatim_lines(command), command.name);
}

TEST_P(HelpAtWidth, OfFamiliesAndOfAllCommandsFits) {
  const std::set<std::string> first_steps = {
      "  lensbench tool logit_lens --model models/kjv-gpt2 \\",
      "      --prompt \"And the LORD spake unto Moses,\""};
  expect_to_fit(overview(GetParam()), GetParam(), first_steps, "overview");
  for (const auto& word : family_words(commands()))
    expect_to_fit(family_help(word, GetParam()), GetParam(), {}, word);
}

TEST_P(HelpAtWidth, HasEveryOptionOfTheCommandWithAllItsWords) {
  for (const Command& command : commands()) {
    const std::string all_words = words_of(help_of(command, GetParam()));
    for (const Option& option : command.options) {
      EXPECT_THAT(all_words, HasSubstr("--" + option.name + " ")) << command.name;
      EXPECT_THAT(all_words, HasSubstr(option.help.substr(0, option.help.find("  "))))
          << command.name;
      const std::string initial = option.initial.empty() ? "" : "(default: " + option.initial + ")";
      EXPECT_THAT(all_words, HasSubstr(initial)) << command.name;
      for (const auto& word : option.words) EXPECT_THAT(all_words, HasSubstr(word));
    }
    EXPECT_THAT(all_words, HasSubstr("-h, --help this text"));
  }
}

TEST(Help, BeginsWithHowTheCommandIsUsed) {
  for (const Command& command : commands())
    EXPECT_TRUE(help_of(command, 80).starts_with("usage: lensbench " + command.name))
        << command.name;
}

TEST(Help, HasEveryExampleOnALineOfItsOwn) {
  for (const Command& command : commands())
    for (const Example& example : command.examples)
      EXPECT_THAT(lines_of(help_of(command, 60)), ::testing::Contains("  " + example.command));
}

TEST(Help, PutsWhatAPluginAddsBetweenDescriptionAndOptions) {
  Command command = lensbench::testing::made_command("probe");
  command.description = "What it does.";
  const std::string text =
      command_help(Options(command, {"--help"}), {"\nMORE\n", "lensbench probe one"}, 80);
  EXPECT_LT(text.find("What it does."), text.find("MORE"));
  EXPECT_LT(text.find("MORE"), text.find("Options:"));
}

TEST(Help, EndsWithTheExampleOfThePluginInPlaceOfThoseOfTheCommand) {
  Command command = lensbench::testing::made_command("probe");
  command.examples = {{"lensbench probe another", "another example"}};
  const std::string text =
      command_help(Options(command, {"--help"}), {"\nMORE\n", "lensbench probe one"}, 80);
  EXPECT_THAT(text, ::testing::EndsWith("\nExample:\n  lensbench probe one\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("another")));
}

TEST(Help, OfAllCommandsNamesEachWithItsSummary) {
  const std::string text = overview(100);
  for (const Command& command : commands())
    EXPECT_THAT(text, AllOf(HasSubstr("  " + command.name), HasSubstr(command.summary)));
  for (const char* code : {"0 done", "1 a check failed", "2 wrong", "3 invalid", "4 a plug-in",
                           "5 the run failed, or some of its cases did"})
    EXPECT_THAT(words_of(text), HasSubstr(code));
}

TEST(Help, OfAFamilyNamesItsCommandsAlone) {
  const std::string text = family_help("model", 80);
  EXPECT_THAT(text, AllOf(HasSubstr("lensbench model info DIR"),
                          HasSubstr("lensbench model init DIR --config FILE")));
  EXPECT_EQ(text.find("lensbench run"), std::string::npos);
}

TEST(UsageLine, HasOperandsAndRequiredOptions) {
  Command command = lensbench::testing::made_command(
      "probe", {{"THING", "a thing"}, {"HOW", "manner", Values::any, {"fast", "slow"}}},
      {{.name = "model", .argument = "DIR", .help = "m", .required = true},
       {.name = "json", .argument = "", .help = "j"}});
  EXPECT_EQ(usage_line(command), "lensbench probe THING fast|slow --model DIR [options]");
  command.usage = "B [options]";
  EXPECT_EQ(usage_line(command), "lensbench probe B [options]");
  EXPECT_EQ(usage_line(lensbench::testing::made_command("man")), "lensbench man");
}

TEST(OptionMeaning, SaysWordsDefaultAndRepetition) {
  EXPECT_EQ(option_meaning({.name = "dtype",
                            .argument = "TYPE",
                            .help = "element type",
                            .words = {"a", "b"},
                            .initial = "a",
                            .repeats = true}),
            "element type: a, b (default: a); may be repeated");
  EXPECT_EQ(option_label({.name = "quiet", .argument = "", .help = "", .letter = 'q'}),
            "-q, --quiet");
}

TEST(Paragraphs, AreFilledUnlessTheyBeginWithBlanks) {
  EXPECT_THAT(split_paragraphs("one\ntwo\n\n  a  b\n  c\n\nthree"),
              ElementsAre("one two", "  a  b\n  c", "three"));
}

TEST(Commands, HaveWhatHelpNeeds) {
  std::set<std::string> names;
  for (const Command& command : commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name << " is there twice";
    EXPECT_FALSE(command.summary.empty() || command.group.empty() || command.description.empty())
        << command.name;
    std::set<std::string> options = {"help"};
    std::set<char> letters = {'h'};
    for (const Option& option : command.options) {
      EXPECT_TRUE(options.insert(option.name).second) << command.name << " --" << option.name;
      EXPECT_TRUE(option.letter == '\0' || letters.insert(option.letter).second) << command.name;
      EXPECT_FALSE(option.help.empty()) << command.name << " --" << option.name;
    }
  }
}

TEST(Commands, OfOneGroupAreNeighboursSoThatTheOverviewHasOneHeadingForEach) {
  std::set<std::string> groups;
  std::string last;
  for (const Command& command : commands()) {
    if (command.group != last) {
      EXPECT_TRUE(groups.insert(command.group).second) << command.group << " twice";
    }
    last = command.group;
  }
  EXPECT_GT(groups.size(), 3U);
}

}  // namespace
}  // namespace lensbench::cli
