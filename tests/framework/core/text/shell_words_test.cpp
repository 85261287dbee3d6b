#include "core/text/shell_words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

// Suggested commands with names that would end a word of the shell or a string of Python.

namespace lensbench {
namespace {

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return text;
}

const std::string kNames[] = {"/models/it's",         "/models/say \"x\"",
                              "/models/$(echo harm)", "/models/`echo h`",
                              "/models/a\\b",         "/models/a\\",
                              "/models/a\\'b",        "-x",
                              "/models/${HOME}",      "/models/; echo h",
                              "/models/é 一",         "/models/" + std::string(200, 'x'),
                              "/models/a'\"'\"'b",    ""};

TEST(ShellWord, IsQuotedOnlyIfNecessary) {
  EXPECT_EQ(shell_word("/models/gpt2-1.0"), "/models/gpt2-1.0");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(x)"), "'$(x)'");
  EXPECT_EQ(shell_word("a\\b"), "'a\\b'");
}

TEST(ShellWord, HasNoControlCharacters) {
  EXPECT_EQ(shell_word("a\x1b[2J'\\"), "$'a\\033[2J\\'\\\\'");
  EXPECT_EQ(shell_word("a\n1\x7f"), "$'a\\0121\\177'");
}

TEST(ShellWord, IsOneWordOfARealShell) {
  for (const std::string& name : kNames)
    EXPECT_EQ(output_of("printf '%s|' " + shell_word(name)), name + "|");
}

TEST(ShellWord, WithControlCharactersIsOneWordOfBash) {
  if (std::system("bash -c true >/dev/null 2>&1") != 0) GTEST_SKIP() << "bash is not installed";
  const std::string name = "a\n1\x1b[2J'\\b\x7f";
  // The inner shell reads the whole command, with the word, as one text.
  const std::string command = "printf '%s|' " + shell_word(name);
  std::string literal = "'";
  for (const char c : command) literal += c == '\'' ? std::string("'\\''") : std::string(1, c);
  EXPECT_EQ(output_of("bash -c " + literal + "'"), name + "|");
}

TEST(PythonCommand, GivesTheArgumentsToPythonUnparsed) {
  EXPECT_EQ(python_command("import a", "a.b(a[0])", {"it's"}),
            "python3 -c 'import sys; import a; a = sys.argv[1:]; a.b(a[0])' 'it'\\''s'");
  if (std::system("python3 -c pass >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "python3 is not installed";
  for (const std::string& name : kNames)
    EXPECT_EQ(output_of(python_command("import os", "sys.stdout.buffer.write(os.fsencode(a[1]))",
                                       {"first", name})),
              name);
}

}  // namespace
}  // namespace lensbench
