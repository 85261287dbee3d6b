#include <signal.h>

#include <chrono>
#include <thread>

#include "support/command.hpp"
#include "support/folders.hpp"

// A run that is stopped on the way and gone on with.

namespace lensbench {
namespace {

std::string prompts(int n) {
  std::string text;
  for (int i = 0; i < n; ++i)
    text += "And the LORD spake unto Moses, number " + std::to_string(i) + "\n";
  return text;
}

std::vector<std::string> command(const TempDir& directory, const std::string& out) {
  return {testing::build_folder() + "/bin/lensbench",
          "run",
          "first_look",
          "--model",
          testing::source_folder() + "/models/kjv-gpt2",
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
    for (fs::recursive_directory_iterator it(run_directory / "open", error), end;
         !error && it != end; it.increment(error))
      if (it->is_regular_file(error) && it->file_size(error) > 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

std::string digest_of(const Outcome& outcome) {
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

/// The command that a stopped run names, as a shell takes it.
std::string named_command(const std::string& words) {
  const auto at = words.find("\n  lensbench ");
  if (at == std::string::npos) return "";
  return words.substr(at + 3, words.find('\n', at + 1) - at - 3);
}

void stopped_run_names_the_command_that_goes_on(int signal) {
  const TempDir directory, output;
  directory.write("prompts.txt", prompts(12));
  const std::string name = "it's here.h5";  // what a shell must be given in quotes
  const auto child = testing::start(command(directory, name), output.path());
  ASSERT_TRUE(wait_for_a_unit(directory / "it's here.run"));
  kill(child, signal);
  const auto stopped = testing::wait_for(child, output.path());
  ASSERT_EQ(stopped.exit_code, 5) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("cases are safe"));
  const std::string line = named_command(stopped.err);
  ASSERT_THAT(line, HasSubstr("--resume")) << stopped.err;

  const auto incomplete = testing::lensbench({"verify", directory / name});
  EXPECT_EQ(incomplete.exit_code, 1);
  EXPECT_THAT(incomplete.out, HasSubstr("INCOMPLETE"));

  const std::string path = std::string("PATH=") + testing::build_folder() + "/bin:$PATH; ";
  const auto resumed = testing::run({"/bin/sh", "-c", path + line});
  EXPECT_EQ(resumed.exit_code, 0) << line << "\n" << resumed.err;
  EXPECT_EQ(testing::lensbench({"verify", directory / name}).exit_code, 0);
  EXPECT_FALSE(fs::exists(directory / "it's here.run"));
}

TEST(Resume, AStoppedRunHasAPageThatSaysThatItIsIncomplete) {
  const TempDir directory, output;
  directory.write("prompts.txt", prompts(12));
  const auto child = testing::start(command(directory, "a.h5"), output.path());
  ASSERT_TRUE(wait_for_a_unit(directory / "a.run"));
  kill(child, SIGTERM);
  testing::wait_for(child, output.path());
  const auto outcome = testing::lensbench({"report", directory / "a.run"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(testing::slurp(directory / "a.html"), HasSubstr("of 12 cases are safe so far"));
}

TEST(Resume, IsNamedWordForWordAfterSigint) {
  stopped_run_names_the_command_that_goes_on(SIGINT);
}

TEST(Resume, IsNamedWordForWordAfterSigterm) {
  stopped_run_names_the_command_that_goes_on(SIGTERM);
}

TEST(Resume, OfARunThatIsSealedCleansUpWhatAKillLeft) {
  const TempDir directory;
  directory.write("prompts.txt", prompts(2));
  const auto first = testing::run(command(directory, "a.h5"));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  // State that a process leaves which is killed between the two renames and the removal.
  fs::create_directories(directory / "a.run/packs");
  directory.write("a.run/LOCK", "");
  fs::remove(directory / "a.h5.sha256");

  const auto refused = testing::run(command(directory, "a.h5"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("exists already"));

  auto resume = command(directory, "a.h5");
  resume.push_back("--resume");
  const auto resumed = testing::run(resume);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(digest_of(resumed), digest_of(first));
  EXPECT_FALSE(fs::exists(directory / "a.run"));
  EXPECT_THAT(testing::slurp(directory / "a.h5.sha256"), HasSubstr(digest_of(first)));

  directory.write("prompts.txt", prompts(3));
  const auto another = testing::run(resume);
  EXPECT_EQ(another.exit_code, 2);
  EXPECT_THAT(another.err, HasSubstr("for another request"));
}

TEST(Resume, GoesOnAfterAKillAndGivesTheSameResults) {
  stopped_run_resumes_to_the_same_digest(SIGKILL, -SIGKILL);
}

}  // namespace
}  // namespace lensbench
