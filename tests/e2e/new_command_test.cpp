#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>

#include "support/command.hpp"
#include "support/folders.hpp"

// `lensbench new`, without a build of what it writes (third_party_test.cpp builds it).

namespace lensbench {
namespace {

TEST(NewCommand, RefusesNamesThatCannotBe) {
  const testing::TempDir directory;
  const std::pair<std::string, std::string> names[] = {
      {"MyProbe", "lower-case letters"},   {"1probe", "lower-case letters"},
      {"my-probe", "lower-case letters"},  {"", "lower-case letters"},
      {"class", "a C++ keyword"},          {"test", "a CMake target"},
      {std::string(65, 'a'), "at most 64"}};
  for (const auto& [name, message] : names) {
    const auto outcome = testing::lensbench({"new", "tool", name, "--dir", directory / "project"});
    EXPECT_EQ(outcome.exit_code, 2) << name;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << name;
    EXPECT_FALSE(fs::exists(directory / "project")) << name;
  }
}

TEST(NewCommand, WritesOverNothing) {
  const testing::TempDir directory;
  fs::create_directories(directory / "project");
  std::ofstream(fs::path(directory / "project") / "notes.txt") << "mine\n";
  const auto outcome = testing::lensbench({"new", "tool", "probe", "--dir", directory / "project"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("exists already"));
  EXPECT_EQ(testing::slurp(fs::path(directory / "project") / "notes.txt"), "mine\n");
}

TEST(Readme, ShowsTheExampleExperimentWordForWord) {
  const fs::path root = testing::source_folder();
  EXPECT_THAT(testing::slurp(root / "README.md"),
              HasSubstr(testing::slurp(root / "examples/fact_recall/fact_recall.cpp")));
}

}  // namespace
}  // namespace lensbench
