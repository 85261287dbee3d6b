#include "cli/shell/describe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cli/shell/completion.hpp"
#include "cli/shell/help.hpp"
#include "cli/table/commands.hpp"
#include "core/text/shell_words.hpp"

// What is generated from the table of commands for shells and man: that nothing of the table is
// left out. tests/e2e runs it in bash, zsh and groff.

namespace lensbench::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

/// Part of a text from `begin` to the next `end`; empty if `begin` is missing.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const auto from = text.find(begin);
  if (from == std::string::npos) return "";
  const auto inside = from + begin.size();
  return text.substr(inside, text.find(end, inside) - inside);
}

TEST(BashCompletion, ListsEveryOptionOfEveryCommand) {
  const std::string all = between(bash_completion(commands()), "_lensbench_options() {", "\n}\n");
  for (const Command& command : commands()) {
    const std::string words = " " + between(all, "'" + command.name + "') REPLY='", "'") + " ";
    for (const Option& option : command.options)
      EXPECT_THAT(words, HasSubstr(" --" + option.name + " ")) << command.name;
  }
}

TEST(BashCompletion, ListsEveryWordAnOptionOrOperandMayBe) {
  const std::string kinds = between(bash_completion(commands()), "_lensbench_kind() {", "\n}\n");
  const auto expect_words = [&](const std::string& key, const std::vector<std::string>& words) {
    const std::string reply = between(kinds, "'" + key + "') REPLY='", "'");
    EXPECT_NE(reply, "") << key;
    for (const auto& word : words)
      EXPECT_THAT(reply + " ", ContainsRegex("[: ]" + word + " ")) << key;
  };
  for (const Command& command : commands()) {
    for (const Option& option : command.options)
      if (!option.is_flag()) expect_words(command.name + " --" + option.name, option.words);
    for (std::size_t i = 0; i < command.operands.size(); ++i)
      expect_words(command.name + " " + std::to_string(i + 1), command.operands[i].words);
  }
}

TEST(BashCompletion, ListsEveryCommandAndWhatFollowsItsFirstWord) {
  const std::string script = bash_completion(commands());
  const std::string first = " " + between(script, "_lensbench_first='", "'") + " ";
  const std::string parts = between(script, "_lensbench_parts() {", "\n}\n");
  for (const Command& command : commands()) {
    const auto blank = command.name.find(' ');
    EXPECT_THAT(first, HasSubstr(" " + command.name.substr(0, blank) + " "));
    const std::string rest = blank == std::string::npos ? "" : command.name.substr(blank + 1);
    EXPECT_THAT(parts, HasSubstr(rest));
  }
}

TEST(ZshCompletion, HasAFunctionForEveryCommandWithAllItsOptions) {
  const std::string script = zsh_completion(commands());
  for (const Command& command : commands()) {
    std::string name = command.name;
    std::replace(name.begin(), name.end(), ' ', '_');
    const std::string function = between(script, "\n_lensbench_" + name + "() {", "\n}\n");
    EXPECT_THAT(function, HasSubstr("--help[")) << command.name;
    for (const Option& option : command.options) {
      const std::string equals = option.is_flag() ? "[" : "=[";
      EXPECT_THAT(function, HasSubstr("--" + option.name + equals)) << command.name;
      for (const auto& word : option.words) EXPECT_THAT(function, HasSubstr(word)) << command.name;
    }
    for (const Operand& operand : command.operands)
      for (const auto& word : operand.words) EXPECT_THAT(function, HasSubstr(word)) << command.name;
  }
}

/// Text as the manual page writes it: a dash that stays a dash.
std::string in_troff(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '-' ? std::string("\\-") : std::string(1, c);
  return result;
}

TEST(ManualPage, HasASectionForEveryCommandWithAllItsOptions) {
  std::istringstream page(manual_page());
  std::vector<std::string> sections;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with(".SS ")) sections.emplace_back();
    if (line.starts_with(".SH ") && !sections.empty()) break;
    if (!sections.empty()) sections.back() += line + "\n";
  }
  ASSERT_EQ(sections.size(), commands().size());
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Command& command = commands()[i];
    EXPECT_TRUE(sections[i].starts_with(".SS \"lensbench " + command.name)) << command.name;
    for (const Option& option : command.options)
      EXPECT_THAT(sections[i], HasSubstr(in_troff("--" + option.name))) << command.name;
  }
}

TEST(ManualPage, HasNoLineThatTroffWouldTakeForARequest) {
  // Every line that begins with a dot is one of the macros of man(7) that the page uses.
  std::istringstream page(manual_page());
  for (std::string line; std::getline(page, line);) {
    EXPECT_FALSE(line.starts_with('\'')) << line;
    if (!line.starts_with('.')) continue;
    EXPECT_THAT(line, ::testing::MatchesRegex("\\.(TH|SH|SS|TP|PP|B|I|RI|BR|EX|EE)( .*)?"));
  }
}

TEST(ShellQuoting, LeavesPlainWordsAlone) {
  EXPECT_EQ(shell_word("models/kjv-gpt2"), "models/kjv-gpt2");
  EXPECT_EQ(shell_word("top_k=5"), "top_k=5");
}

TEST(ShellQuoting, PutsAllOthersBetweenSingleQuotes) {
  EXPECT_EQ(shell_word("And God said"), "'And God said'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("$HOME"), "'$HOME'");
  EXPECT_EQ(shell_word("a;b"), "'a;b'");
  EXPECT_EQ(shell_word("~/x"), "'~/x'");
  EXPECT_EQ(shell_word("é"), "'é'");
}

// Bash, zsh and ksh read this form; a line feed itself would end what a terminal takes as the
// command.
TEST(ShellQuoting, EscapesControlCharacters) {
  EXPECT_EQ(shell_word("a\nb"), "$'a\\012b'");
}

}  // namespace
}  // namespace lensbench::cli
