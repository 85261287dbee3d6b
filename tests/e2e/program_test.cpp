#include <sstream>

#include "support/command.hpp"
#include "support/folders.hpp"

// The program `lensbench` without its library: what it answers before libtorch is loaded.

namespace lensbench {
namespace {

class ProgramAlone : public ::testing::Test {
 protected:
  // A copy in a folder that has no library next to it.
  ProgramAlone() {
    fs::create_directory(folder_ / "bin");
    fs::copy_file(testing::build_folder() + "/bin/lensbench", program());
  }
  std::string program() const { return (folder_ / "bin" / "lensbench").string(); }
  Outcome run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program());
    return testing::run(arguments);
  }

 private:
  TempDir folder_;
};

TEST_F(ProgramAlone, AnswersEveryCommandsHelp) {
  EXPECT_THAT(run({"--help"}).out, HasSubstr("usage: lensbench COMMAND"));
  for (const char* command :
       {"run", "tool", "list", "tokenize", "model info", "model init", "show", "verify", "replay",
        "diff", "versions", "export", "report", "plot", "new", "plant"}) {
    std::vector<std::string> words;
    std::istringstream text(command);
    for (std::string word; text >> word;) words.push_back(word);
    words.push_back("--help");
    const auto help = run(words);
    EXPECT_EQ(help.exit_code, 0) << command << ": " << help.err;
    EXPECT_THAT(help.out, HasSubstr(std::string("usage: lensbench ") + command));
  }
}

TEST_F(ProgramAlone, AnswersItsVersionTheCompletionsAndTheManualPage) {
  EXPECT_THAT(run({"--version"}).out, StartsWith("lensbench "));
  EXPECT_THAT(run({"completion", "bash"}).out, HasSubstr("complete -"));
  EXPECT_THAT(run({"completion", "zsh"}).out, StartsWith("#compdef lensbench"));
  EXPECT_THAT(run({"man"}).out, StartsWith(".TH LENSBENCH 1"));
}

TEST_F(ProgramAlone, RefusesAMistakeWithTheNearestWord) {
  const auto command = run({"verifyy"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_THAT(command.err, HasSubstr("did you mean 'verify'"));
  const auto option = run({"run", "first_look", "--modl", "x"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_THAT(option.err, HasSubstr("did you mean 'model'"));
}

TEST_F(ProgramAlone, NamesTheLibraryThatACommandNeeds) {
  const auto outcome = run({"list", "families"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("liblensbench.so.1"), HasSubstr("cannot be loaded"),
                                 HasSubstr("install lensbench again")));
}

}  // namespace
}  // namespace lensbench
