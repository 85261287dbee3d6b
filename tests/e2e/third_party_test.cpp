#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/process.hpp"

// A tool built by a stranger: outside this tree, against an installed lensbench.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using testing::run;
using testing::TempDir;

constexpr const char* kCmake = LENSBENCH_CMAKE_COMMAND;

// Configures and builds one of examples/ against a prefix; returns its plug-in folder.
std::string build_example(const std::string& name, const std::string& prefix,
                          const TempDir& directory) {
  const auto build = (directory / ("build_" + name)).string();
  const auto configured =
      run({kCmake, "-G", "Ninja", "-S", std::string(LENSBENCH_SOURCE_DIR) + "/examples/" + name,
           "-B", build, "-DCMAKE_BUILD_TYPE=Release",
           "-DCMAKE_PREFIX_PATH=" + prefix + ";" + LENSBENCH_PREFIX_PATH});
  EXPECT_EQ(configured.exit_code, 0) << configured.out << configured.err;
  const auto built = run({kCmake, "--build", build});
  EXPECT_EQ(built.exit_code, 0) << built.out << built.err;
  return build + "/lib/lensbench/plugins";
}

TEST(ThirdParty, ToolAndExperimentBuildAgainstAMovedInstallLoadAndSaveTheirResults) {
  const TempDir directory;
  const auto prefix = (directory / "moved").string();
  const auto installed =
      run({kCmake, "--install", LENSBENCH_BINARY_DIR, "--prefix", directory / "prefix"});
  ASSERT_EQ(installed.exit_code, 0) << installed.err;
  fs::rename(directory / "prefix", prefix);

  const auto tool = build_example("residual_norm", prefix, directory);
  const auto model = std::string(LENSBENCH_SOURCE_DIR) + "/models/kjv-gpt2";
  const auto ran =
      run({prefix + "/bin/lensbench", "tool", "residual_norm", "--plugin-dir", tool, "--model",
           model, "--prompt", "And God said", "--json", "--out", directory / "a.h5"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto dataset = json::parse(ran.out)["results"]["residual_norm"];
  EXPECT_EQ(dataset["dims"]["layer"], 7);
  EXPECT_GT(dataset["variables"]["residual_norm"]["data"][0][0].get<double>(), 0);

  const auto experiment = build_example("fact_recall", prefix, directory);
  const auto recalled =
      run({prefix + "/bin/lensbench", "run", "fact_recall", "--plugin-dir", experiment, "--model",
           model, "--prompt", "in the land of", "--json", "--out", directory / "b.h5"});
  ASSERT_EQ(recalled.exit_code, 0) << recalled.err;
  const auto results = json::parse(recalled.out)["results"];
  EXPECT_TRUE(results.contains("lens") && results.contains("attribution"));

  const auto shown = run({prefix + "/bin/lensbench", "show", "--json", directory / "b.h5"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("fact_recall"));
}

TEST(Readme, ShowsTheExampleExperimentWordForWord) {
  const fs::path root = LENSBENCH_SOURCE_DIR;
  EXPECT_THAT(testing::slurp(root / "README.md"),
              HasSubstr(testing::slurp(root / "examples/fact_recall/fact_recall.cpp")));
}

}  // namespace
}  // namespace lensbench
