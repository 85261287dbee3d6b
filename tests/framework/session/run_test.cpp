#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <lensbench/archive.hpp>
#include <lensbench/error.hpp>
#include <lensbench/run.hpp>
#include <string>
#include <vector>

#include "framework/session/session_fixture.hpp"
#include "support/error_matchers.hpp"

// Runs that a C++ program asks for.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

class Run : public ::testing::Test {
 protected:
  RunOptions options(std::vector<CaseInput> cases = testing::cases_of_ids(2)) const {
    RunOptions asked;
    asked.model = testing::kModel;
    asked.cases = std::move(cases);
    asked.out = folders.archives / "a.h5";
    asked.plugin_dirs = {folders.plugins.path().string()};
    asked.threads = 1;
    return asked;
  }

  testing::SessionFolders folders;
};

TEST_F(Run, OfAToolLeavesAnArchiveOfItsResults) {
  RunOptions asked = options();
  asked.parameters = {{"scale", "2"}};
  const ArchivedRun run = run_tool("token_count", asked);
  EXPECT_EQ(run.archive, asked.out);
  EXPECT_EQ(run.failed_cases, 0);
  EXPECT_EQ(run.failed_receipts, 0);
  const Archive archive(run.archive);
  EXPECT_EQ(archive.attributes().at("results_sha256"), Attribute(run.results_sha256));
  EXPECT_THAT(archive.names(), ElementsAre("token_count"));
  const at::Tensor count = archive.read("token_count")["count"].tensor;
  EXPECT_THAT(std::vector<double>(count.data_ptr<double>(), count.data_ptr<double>() + 2),
              ElementsAre(2, 4));  // twice the tokens of each case
}

TEST_F(Run, OfAnExperimentIsTheSameAgain) {
  RunOptions again = options();
  again.out = folders.archives / "b.h5";
  const ArchivedRun run = run_experiment("uses_odd", options());
  EXPECT_EQ(run.results_sha256, run_experiment("uses_odd", again).results_sha256);
  EXPECT_EQ(Archive(run.archive).cases().size(), 2u);
}

TEST_F(Run, CountsCasesThatFail) {
  const ArchivedRun run =
      run_tool("token_count", options({{"good", "", {1}, {}}, testing::broken_case()}));
  EXPECT_EQ(run.failed_cases, 1);
  EXPECT_EQ(Archive(run.archive).cases().at(1).status, CaseStatus::failed);
}

TEST_F(Run, NamesCasesWithoutAnId) {
  const ArchivedRun run =
      run_tool("token_count", options({{"", "", {1}, {}}, {"mine", "", {2}, {}}}));
  std::vector<std::string> ids;
  for (const ArchivedCase& one : Archive(run.archive).cases()) ids.push_back(one.id);
  EXPECT_THAT(ids, ElementsAre("case-1", "mine"));
}

TEST_F(Run, OfWhichEveryCaseFailsThrows) {
  EXPECT_THAT(
      message_of<RunError>([&] { run_tool("token_count", options({testing::broken_case()})); }),
      AllOf(HasSubstr("every case failed"), HasSubstr("a.h5")));
  EXPECT_FALSE(std::filesystem::exists(options().out));
}

TEST_F(Run, RefusesAWrongRequest) {
  const auto message = [&](const RunOptions& asked, const std::string& tool = "token_count") {
    return message_of<Error>([&] { run_tool(tool, asked); });
  };
  EXPECT_THAT(message(options({})), HasSubstr("cases are missing"));
  EXPECT_THAT(message(options({{"a", "", {}, {}}})), HasSubstr("either a text or ids"));
  EXPECT_THAT(message(options({{"a", "x", {1}, {}}})), HasSubstr("either a text or ids"));
  EXPECT_THAT(message(options({{"a", "x", {}, {}}, {"a", "y", {}, {}}})),
              HasSubstr("two cases have the id 'a'"));
  EXPECT_THAT(message(options(), "no_such_tool"), HasSubstr("no_such_tool"));
  RunOptions nowhere = options();
  nowhere.out = "";
  EXPECT_THAT(message(nowhere), HasSubstr("name a file"));
  folders.archives.write("a.h5", "mine");
  EXPECT_THAT(message(options()), AllOf(HasSubstr("a.h5"), HasSubstr("not overwritten")));
}

TEST_F(Run, OfAFinishedArchiveIsNotRepeatedWithResume) {
  const ArchivedRun run = run_tool("token_count", options());
  RunOptions again = options();
  again.resume = true;
  const auto written = std::filesystem::last_write_time(run.archive);
  EXPECT_EQ(run_tool("token_count", again).results_sha256, run.results_sha256);
  EXPECT_EQ(std::filesystem::last_write_time(run.archive), written);
}

TEST_F(Run, LeavesTheSignalHandlersOfTheProgram) {
  const auto mine = [](int) {};
  const auto before = std::signal(SIGTERM, mine);
  run_tool("token_count", options());
  EXPECT_EQ(std::signal(SIGTERM, before), static_cast<sighandler_t>(mine));
}

}  // namespace
}  // namespace lensbench
