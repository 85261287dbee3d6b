#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/process.hpp"

// A run that is stopped on the way and gone on with.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TempDir;

std::string prompts(int n) {
  std::string text;
  for (int i = 0; i < n; ++i)
    text += "And the LORD spake unto Moses, number " + std::to_string(i) + "\n";
  return text;
}

std::vector<std::string> command(const TempDir& directory, const std::string& out) {
  return {std::string(LENSBENCH_BINARY_DIR) + "/bin/lensbench",
          "run",
          "first_look",
          "--model",
          std::string(LENSBENCH_SOURCE_DIR) + "/models/kjv-gpt2",
          "--prompts",
          directory / "prompts.txt",
          "--threads",
          "1",
          "--out",
          directory / out,
          "--json"};
}

// Waits until the run has made at least one unit safe.
bool wait_for_a_unit(const fs::path& run_directory) {
  for (int i = 0; i < 600; ++i) {
    std::error_code error;
    for (fs::directory_iterator it(run_directory / "units", error), end; !error && it != end;
         it.increment(error))
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

std::string digest_of(const testing::Outcome& outcome) {
  return json::parse(outcome.out)["results_sha256"];
}

void stopped_run_resumes_to_the_same_digest(int signal, int expected_exit) {
  const TempDir directory;
  directory.write("prompts.txt", prompts(12));
  const TempDir output;
  const auto child = testing::start(command(directory, "a.h5"), output.path());
  ASSERT_TRUE(wait_for_a_unit(directory / "a.run"));
  kill(child, signal);
  const auto stopped = testing::wait_for(child, output.path());
  ASSERT_EQ(stopped.exit_code, expected_exit) << stopped.err;
  EXPECT_FALSE(fs::exists(directory / "a.h5"));

  const auto refused = testing::run(command(directory, "a.h5"));
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("--resume"));

  auto resume = command(directory, "a.h5");
  resume.push_back("--resume");
  const auto resumed = testing::run(resume);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_FALSE(fs::exists(directory / "a.run"));

  const auto whole = testing::run(command(directory, "b.h5"));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_EQ(digest_of(resumed), digest_of(whole));
}

TEST(Resume, GoesOnAfterAnInterruptAndGivesTheSameResults) {
  stopped_run_resumes_to_the_same_digest(SIGINT, 5);
}

TEST(Resume, GoesOnAfterAKillAndGivesTheSameResults) {
  stopped_run_resumes_to_the_same_digest(SIGKILL, -SIGKILL);
}

}  // namespace
}  // namespace lensbench
