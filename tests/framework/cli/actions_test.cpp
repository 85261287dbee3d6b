#include "cli/commands/actions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <sstream>

#include "cli/command_line.hpp"
#include "cli/table/commands.hpp"
#include "framework/cli/made_command.hpp"

// Which commands the front answers from the table alone, and that all others have an action.

namespace lensbench::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kLeftToTheLibrary = 77;

struct Answer {
  int exit_code;
  std::string out, err;
};

/// What the front says, without a library to go on with.
Answer answer(const Arguments& words) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run_command_line(words, [](const Options&) { return kLeftToTheLibrary; });
  std::string out = ::testing::internal::GetCapturedStdout();
  return {code, std::move(out), ::testing::internal::GetCapturedStderr()};
}

/// A command's name, and a value for everything that it must be given.
Arguments least_words(const Command& command) {
  Arguments words;
  std::istringstream name(command.name);
  for (std::string word; name >> word;) words.push_back(word);
  for (const Operand& operand : command.operands)
    words.push_back(operand.words.empty() ? "x" : operand.words.back());
  for (const Option& option : command.options)
    if (option.required) words.insert(words.end(), {"--" + option.name, "x"});
  return words;
}

TEST(Actions, ThereIsOneOfEveryCommandThatTheFrontDoesNotAnswer) {
  int answered = 0;
  for (const Command& command : commands()) {
    const Answer found = answer(least_words(command));
    if (found.exit_code != kLeftToTheLibrary) {
      EXPECT_EQ(found.exit_code, 0) << command.name << ": " << found.err;
      EXPECT_NE(found.out, "") << command.name;
      ++answered;
      continue;
    }
    EXPECT_EQ(action_of(command).command, command.name);
    EXPECT_NE(action_of(command).run, nullptr) << command.name;
  }
  EXPECT_EQ(answered, 1);  // man
}

TEST(Actions, AddToHelpWhereTheTableSaysSo) {
  for (const Command& command : commands())
    EXPECT_EQ(command.name != "man" && action_of(command).more_help != nullptr, command.more_help)
        << command.name;
}

TEST(Actions, ThereIsNoneOfACommandThatIsNotInTheTable) {
  EXPECT_THROW(action_of(lensbench::testing::made_command("dance")), RunError);
}

TEST(CommandLine, AnswersTheHelpOfEveryCommandInBothWays) {
  for (const Command& command : commands()) {
    Arguments words;
    std::istringstream name(command.name);
    for (std::string word; name >> word;) words.push_back(word);
    Arguments before = words;
    before.insert(before.begin(), "help");
    words.push_back("--help");
    const Answer option = answer(words), word = answer(before);
    EXPECT_EQ(option.exit_code, 0);
    EXPECT_THAT(option.out, StartsWith("usage: lensbench " + command.name));
    EXPECT_EQ(word.out, option.out) << command.name;
  }
}

TEST(CommandLine, LeavesTheHelpOfAToolToTheLibraryThatKnowsItsParameters) {
  EXPECT_EQ(answer({"tool", "logit_lens", "--help"}).exit_code, kLeftToTheLibrary);
  EXPECT_EQ(answer({"run", "first_look", "--help"}).exit_code, kLeftToTheLibrary);
}

TEST(CommandLine, PrintsCompletionScripts) {
  for (const char* shell : {"bash", "zsh"}) {
    const Answer found = answer({"completion", shell});
    EXPECT_EQ(found.exit_code, 0);
    EXPECT_THAT(found.out, HasSubstr("_lensbench")) << shell;
  }
  EXPECT_EQ(answer({"completion", "names"}).exit_code, kLeftToTheLibrary);
}

TEST(CommandLine, ShowsAllCommandsToWhoGivesNone) {
  const Answer found = answer({});
  EXPECT_EQ(found.exit_code, 2);
  EXPECT_EQ(found.out, "");
  EXPECT_THAT(found.err, HasSubstr("usage: lensbench COMMAND"));
  EXPECT_EQ(answer({"--help"}).out, found.err);
}

TEST(CommandLine, ShowsTheCommandsOfAFamily) {
  const Answer bare = answer({"model"}), asked = answer({"model", "--help"});
  EXPECT_EQ(bare.exit_code, 2);
  EXPECT_EQ(asked.exit_code, 0);
  EXPECT_EQ(bare.err, asked.out);
  EXPECT_THAT(asked.out, AllOf(HasSubstr("model info"), HasSubstr("model init")));
}

TEST(CommandLine, NamesTheNearestOfAnUnknownCommand) {
  const Answer found = answer({"tokenise"});
  EXPECT_EQ(found.exit_code, 2);
  EXPECT_THAT(found.err, AllOf(HasSubstr("unknown command 'tokenise'"), HasSubstr("'tokenize'")));
  EXPECT_THAT(answer({"model", "inf"}).err,
              AllOf(HasSubstr("model: unknown word 'inf'"), HasSubstr("'info'")));
}

TEST(CommandLine, SaysThatACommandComesFirst) {
  const Answer found = answer({"--model", "x", "run"});
  EXPECT_EQ(found.exit_code, 2);
  EXPECT_THAT(found.err, AllOf(HasSubstr("'--model'"), HasSubstr("give a command first")));
}

TEST(CommandLine, ExitsWithTheCodeOfTheError) {
  EXPECT_EQ(run_command_line({"man", "more"}, {}), 2);
  const auto code_of = [](auto error) {
    ::testing::internal::CaptureStderr();
    const int code = run_command_line({"show", "x"}, [&](const Options&) -> int { throw error; });
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), StartsWith("lensbench: "));
    return code;
  };
  EXPECT_EQ(code_of(UsageError("a")), 2);
  EXPECT_EQ(code_of(InputError("a")), 3);
  EXPECT_EQ(code_of(PluginError(PluginFault::not_found, "a")), 4);
  EXPECT_EQ(code_of(RunError("a")), 5);
  EXPECT_EQ(code_of(std::runtime_error("a")), 5);
  EXPECT_EQ(code_of(std::bad_alloc()), 5);
}

}  // namespace
}  // namespace lensbench::cli
