#include "cli/parse/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "cli/table/commands.hpp"
#include "framework/cli/made_command.hpp"
#include "support/error_matchers.hpp"

// What the parser makes of words, by a table of the test's own that has an option of every kind.

namespace lensbench::cli {
namespace {

using lensbench::testing::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Command& probe() {
  static const Command command = lensbench::testing::made_command(
      "probe", {{"THING", "what is probed"}, {"HOW", "the manner", Values::any, {"fast", "slow"}}},
      {{.name = "model", .argument = "DIR", .help = "model", .required = true},
       {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
       {.name = "set", .argument = "KEY=VALUE", .help = "a setting", .repeats = true},
       {.name = "seed", .argument = "N", .help = "seed", .values = Values::count, .initial = "7"},
       {.name = "dtype",
        .argument = "TYPE",
        .help = "type",
        .words = {"float32", "float16"},
        .initial = "float32"},
       {.name = "out", .argument = "FILE", .help = "where to"},
       {.name = "quiet", .argument = "", .help = "say nothing", .letter = 'q'},
       {.name = "keep", .argument = "", .help = "keep it"}});
  return command;
}

/// The words that are needed, and more.
Options parsed(Arguments more) {
  more.insert(more.begin(), {"thing", "fast", "--model", "here"});
  return Options(probe(), more);
}

std::string refusal(const Arguments& more) {
  return message_of<UsageError>([&] { parsed(more); });
}

std::string refusal_of_all(const Arguments& words) {
  return message_of<UsageError>([&] { Options(probe(), words); });
}

TEST(Options, HaveInitialValuesUntilOthersAreGiven) {
  const Options options = parsed({});
  EXPECT_EQ(options.text("model"), "here");
  EXPECT_EQ(options.text("dtype"), "float32");
  EXPECT_EQ(options.count("seed"), 7u);
  EXPECT_EQ(options.text("out"), "");
  EXPECT_FALSE(options.flag("quiet"));
  EXPECT_THAT(options.list("prompt"), IsEmpty());
}

TEST(Options, AreNotGivenByTheirInitialValue) {
  EXPECT_FALSE(parsed({}).given("seed"));
  EXPECT_TRUE(parsed({"--seed", "7"}).given("seed"));
}

TEST(Options, TakeAValueAsTheNextWordOrAfterAnEqualsSign) {
  EXPECT_EQ(parsed({"--out", "a.h5"}).text("out"), "a.h5");
  EXPECT_EQ(parsed({"--out=a.h5"}).text("out"), "a.h5");
  EXPECT_EQ(parsed({"--out=a=b"}).text("out"), "a=b");
}

TEST(Options, KeepRepeatedValuesInTheirOrder) {
  EXPECT_THAT(parsed({"--prompt", "b", "--quiet", "--prompt", "a", "--prompt=b"}).list("prompt"),
              ElementsAre("b", "a", "b"));
}

TEST(Options, SetFlagsByNameOrLetter) {
  EXPECT_TRUE(parsed({"--quiet"}).flag("quiet"));
  EXPECT_TRUE(parsed({"-q"}).flag("quiet"));
  EXPECT_FALSE(parsed({"-q"}).flag("keep"));
}

TEST(Options, KeepOperandsInTheirPlaceWhateverIsBetweenThem) {
  const Options options(probe(), {"--model", "here", "thing", "-q", "slow"});
  EXPECT_EQ(options.operand(0), "thing");
  EXPECT_EQ(options.operand(1), "slow");
  EXPECT_EQ(options.operand(2), "");
}

TEST(Options, CountUpToTheLargestWordOfSixtyFourBits) {
  EXPECT_EQ(parsed({"--seed", "18446744073709551615"}).count("seed"), 18446744073709551615u);
  EXPECT_EQ(parsed({"--seed", "0"}).count("seed"), 0u);
}

TEST(Options, RefuseWhatIsNoCount) {
  for (const char* text : {"18446744073709551616", "1.5", "-1", "0x10", "ten", "1 ", ""})
    EXPECT_THAT(refusal({std::string("--seed=") + text}), HasSubstr("seed")) << text;
  EXPECT_THAT(refusal({"--seed=ten"}), HasSubstr("'ten' is not a whole number"));
}

TEST(Options, RefuseAWordThatIsNotInTheTable) {
  EXPECT_THAT(refusal({"--dtype", "float64"}),
              AllOf(HasSubstr("--dtype"), HasSubstr("'float64'"), HasSubstr("float32, float16")));
}

TEST(Options, NameTheNearestOfAnUnknownOption) {
  EXPECT_THAT(refusal({"--promt", "x"}),
              AllOf(HasSubstr("probe: "), HasSubstr("unknown option '--promt'"),
                    HasSubstr("did you mean 'prompt'"), HasSubstr("lensbench probe --help")));
  EXPECT_THAT(refusal({"--xyzzyxyzzy"}), HasSubstr("known: help, model, prompt"));
}

TEST(Options, AreNeverAbbreviated) {
  EXPECT_THAT(refusal({"--quie"}), HasSubstr("unknown option '--quie'"));
  EXPECT_THAT(refusal({"-x"}), HasSubstr("unknown option"));
}

TEST(Options, SayThatAValueIsMissing) {
  EXPECT_THAT(refusal({"--out"}), HasSubstr("--out needs a value"));
  EXPECT_THAT(refusal({"--out="}), HasSubstr("out"));
}

TEST(Options, TakeNoOptionForTheValueOfAnother) {
  EXPECT_THAT(refusal({"--out", "--quiet"}),
              AllOf(HasSubstr("--out needs a value before --quiet"), HasSubstr("--out=--quiet")));
  EXPECT_THAT(refusal({"--out", "--seed=3"}), HasSubstr("--out needs a value"));
  EXPECT_EQ(parsed({"--out=--quiet"}).text("out"), "--quiet");
}

TEST(Options, GiveAFlagNoValue) {
  EXPECT_THAT(refusal({"--quiet=yes"}), HasSubstr("--quiet takes no value"));
}

TEST(Options, RefuseASecondValueWhereOneIsMeant) {
  EXPECT_THAT(refusal({"--out", "a", "--out", "a"}), HasSubstr("--out is given twice"));
  EXPECT_THAT(refusal({"--model", "there"}), HasSubstr("--model is given twice"));
}

TEST(Options, RefuseASettingThatIsMadeTwice) {
  EXPECT_THAT(refusal({"--set", "k=1", "--set", "k=2"}), HasSubstr("--set k is given twice"));
  EXPECT_THAT(parsed({"--set", "k=1", "--set", "m=1"}).list("set"), ElementsAre("k=1", "m=1"));
}

TEST(Options, SayWhichOperandIsMissingAndHowItIsUsed) {
  EXPECT_THAT(refusal_of_all({"--model", "here"}),
              AllOf(HasSubstr("THING is missing, what is probed"),
                    HasSubstr("usage: lensbench probe THING fast|slow --model DIR [options]")));
}

TEST(Options, RefuseAnOperandThatIsNoneOfItsWords) {
  EXPECT_THAT(refusal_of_all({"thing", "fats", "--model", "here"}),
              AllOf(HasSubstr("unknown HOW 'fats'"), HasSubstr("did you mean 'fast'")));
}

TEST(Options, RefuseAnOperandTooManyAndSayHowToQuote) {
  EXPECT_THAT(refusal({"more"}), AllOf(HasSubstr("unexpected argument 'more' after HOW 'fast'"),
                                       HasSubstr("--prompt \"")));
}

TEST(Options, SayWhichRequiredOptionIsMissing) {
  EXPECT_THAT(refusal_of_all({"thing", "fast"}), HasSubstr("--model DIR is missing"));
}

TEST(Options, NeedNothingElseWhereHelpIsAskedFor) {
  for (const char* help : {"--help", "-h"}) {
    const Options options(probe(), {help});
    EXPECT_TRUE(options.flag("help"));
    EXPECT_EQ(options.operand(0), "");
  }
}

TEST(Options, KeepTheWordsTheyWereReadFrom) {
  const Options options(probe(), {"thing", "fast", "--model", "here", "-q"});
  EXPECT_THAT(options.arguments(), ElementsAre("thing", "fast", "--model", "here", "-q"));
  EXPECT_EQ(options.command().name, "probe");
}

TEST(Options, OfEveryCommandAreFoundByTheirNames) {
  for (const Command& command : commands()) {
    const Options options(command, {"--help"});
    for (const Option& option : command.options) {
      if (option.is_flag())
        EXPECT_FALSE(options.flag(option.name)) << command.name;
      else
        EXPECT_EQ(options.text(option.name), option.initial) << command.name;
    }
  }
}

}  // namespace
}  // namespace lensbench::cli
