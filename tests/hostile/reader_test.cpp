#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <lensbench/error.hpp>
#include <string>

#include "archive/sandbox/confine.hpp"
#include "archive/sandbox/guard.hpp"
#include "support/temp_dir.hpp"

// The process that reads archives of others: what it can reach, and what it may take.

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;

TEST(Reader, CannotReachOtherFilesOrTheNetwork) {
  if (!can_confine_files()) GTEST_SKIP() << "this kernel has no Landlock";
  const TempDir folder;
  const std::string mine = folder.write("mine", "x"), other = folder.write("other", "y");
  const std::string text = ask_child({{mine}}, [&] {
    std::ifstream first(mine), second(other), passwords("/etc/passwd");
    std::ofstream made(folder / "made");
    return std::string(first ? "mine" : "") + (second ? " other" : "") +
           (passwords ? " passwords" : "") + (made ? " made" : "");
  });
  EXPECT_EQ(text, "mine");
  EXPECT_FALSE(fs::exists(folder / "made"));
}

TEST(Reader, IsEndedWhenItTakesTooMuch) {
  const TempDir folder;
  const std::string file = folder.write("file", "x");
  const auto says = [&](const std::function<std::string()>& work) -> std::string {
    try {
      return ask_child({{file}}, work);
    } catch (const InputError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(says([] {
                std::string much(std::size_t{4} << 30, 'x');
                return much;
              }),
              ::testing::HasSubstr("more memory than is allowed for its size"));
  EXPECT_THAT(says([]() -> std::string { std::abort(); }), ::testing::HasSubstr("Aborted"));
  EXPECT_THAT(says([]() -> std::string {
                for (std::atomic<unsigned> i = 0;; ++i) {
                }
              }),
              ::testing::HasSubstr("more time than is allowed for its size"));
}

}  // namespace
}  // namespace lensbench::testing
