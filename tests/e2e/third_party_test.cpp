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
using testing::run;
using testing::TempDir;

constexpr const char* kCmake = LENSBENCH_CMAKE_COMMAND;

TEST(ThirdPartyTool, BuildsAgainstAnInstalledCopyLoadsAndSavesItsResult) {
  const TempDir directory;
  const auto prefix = (directory / "moved").string();
  const auto installed =
      run({kCmake, "--install", LENSBENCH_BINARY_DIR, "--prefix", directory / "prefix"});
  ASSERT_EQ(installed.exit_code, 0) << installed.err;
  fs::rename(directory / "prefix", prefix);

  const auto source = std::string(LENSBENCH_SOURCE_DIR) + "/examples/residual_norm";
  const auto build = (directory / "build").string();
  std::vector<std::string> configure = {
      kCmake,
      "-G",
      "Ninja",
      "-S",
      source,
      "-B",
      build,
      "-DCMAKE_BUILD_TYPE=Release",
      "-DCMAKE_PREFIX_PATH=" + prefix + ";" + LENSBENCH_PREFIX_PATH};
  const auto configured = run(configure);
  ASSERT_EQ(configured.exit_code, 0) << configured.out << configured.err;
  const auto built = run({kCmake, "--build", build});
  ASSERT_EQ(built.exit_code, 0) << built.out << built.err;

  const auto ran = run({prefix + "/bin/lensbench", "tool", "residual_norm", "--plugin-dir",
                        build + "/lib/lensbench/plugins", "--model",
                        std::string(LENSBENCH_SOURCE_DIR) + "/models/kjv-gpt2", "--prompt",
                        "And God said", "--json", "--out", directory / "a.h5"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto dataset = json::parse(ran.out)["results"]["residual_norm"];
  EXPECT_EQ(dataset["dims"]["layer"], 7);
  EXPECT_GT(dataset["variables"]["residual_norm"]["data"][0][0].get<double>(), 0);

  const auto shown = run({prefix + "/bin/lensbench", "show", "--json", directory / "a.h5"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, ::testing::HasSubstr("residual_norm"));
}

}  // namespace
}  // namespace lensbench
