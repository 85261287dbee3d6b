#include "session/run_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <lensbench/error.hpp>

#include "archive/archive_reader.hpp"
#include "archive/hdf5/case_selection.hpp"
#include "framework/session/session_fixture.hpp"
#include "support/error_matchers.hpp"

// A run in this process, from a request to a sealed archive, with a tool that counts tokens and one
// that breaks a promise when asked to.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::broken_case;
using testing::cases_of_ids;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using testing::message_of;
using ::testing::Not;
using testing::SessionFolders;

constexpr auto kTool = PluginEntryKind::tool;
constexpr auto kExperiment = PluginEntryKind::experiment;

/// Tokens of each case, as `token_count` counted them.
std::vector<double> counts_of(const Dataset& results) {
  const at::Tensor& count = results["count"].tensor;
  return {count.data_ptr<double>(), count.data_ptr<double>() + count.numel()};
}

/// Notes what a run says.
struct Heard {
  std::vector<std::string> warnings, cases;

  RunListener listener() {
    return {[this](const std::string& sentence) { warnings.push_back(sentence); },
            [this](const CaseProgress& ended) {
              cases.push_back(ended.id + (ended.failed ? " failed " : " ") +
                              std::to_string(ended.index) + ": " + std::to_string(ended.done) +
                              "/" + std::to_string(ended.total));
            }};
  }
};

class RunSessionTest : public ::testing::Test {
 protected:
  RunSession::Outcome run(RunRequest request, std::vector<CaseInput> cases) {
    RunSession session(std::move(request), heard.listener());
    session.prepare(std::move(cases), {});
    return session.execute(archive(), {"words", "of", "the command"});
  }
  fs::path archive() const { return folders.archives / "a.h5"; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folders.archives.path()))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  SessionFolders folders;
  Heard heard;
};

TEST_F(RunSessionTest, SaysHowManyCasesAreOverAfterEach) {
  const auto outcome = run(folders.request(kTool, "token_count"), cases_of_ids(3));
  EXPECT_THAT(heard.cases, ElementsAre("case-1 0: 1/3", "case-2 1: 2/3", "case-3 2: 3/3"));
  EXPECT_THAT(heard.warnings, IsEmpty());
  EXPECT_EQ(outcome.exit_code(), 0);
  EXPECT_THAT(files(), ElementsAre("a.h5", "a.h5.sha256"));
}

TEST_F(RunSessionTest, SaysAndKeepsWhatItsToolExpectsItToCost) {
  testing::place(folders.plugins, "long_work");
  // 1 + 2 + 3 tokens of 1e9 operations each; at most 3 tokens of 1 MiB each at a time.
  run(folders.request(kTool, "trains"), cases_of_ids(3));
  EXPECT_THAT(heard.warnings,
              ElementsAre("expected cost of 3 cases: 30 steps, about 6.0e9 floating-point "
                          "operations, at most 3.0 MiB in addition to the model"));
  const nlohmann::json kept = {
      {"cases", 3}, {"steps", 30}, {"floating_point_operations", 6e9}, {"bytes", 3 * 1048576.0}};
  EXPECT_EQ(ArchiveReader(archive()).run()["expected_cost"], kept);
}

TEST_F(RunSessionTest, ExpectsNoCostOfACaseThatCannotRun) {
  testing::place(folders.plugins, "long_work");
  auto cases = cases_of_ids(1);
  cases.push_back(broken_case());
  run(folders.request(kTool, "trains"), std::move(cases));
  EXPECT_THAT(heard.warnings, ElementsAre(HasSubstr("expected cost of 1 case: 10 steps")));
}

/// Cases of three tokens each.
std::vector<CaseInput> alike_cases(const std::vector<std::int64_t>& first_ids) {
  std::vector<CaseInput> cases;
  cases.reserve(first_ids.size());
  for (const std::int64_t id : first_ids)
    cases.push_back({"case-" + std::to_string(cases.size() + 1), "", {id, 17, 18}, {}});
  return cases;
}

TEST_F(RunSessionTest, GivesAToolThatTakesBatchesCasesOfAlikeLengthTogether) {
  testing::place(folders.plugins, "batches");
  auto cases = alike_cases({1, 2, 3});
  cases.push_back({"long", "", std::vector<std::int64_t>(20, 17), {}});
  const auto outcome = run(folders.request(kTool, "together"), std::move(cases));
  EXPECT_EQ(outcome.exit_code(), 0);
  EXPECT_THAT(heard.cases,
              ElementsAre("case-1 0: 1/4", "case-2 1: 2/4", "case-3 2: 3/4", "long 3: 4/4"));
  EXPECT_THAT(counts_of(ArchiveReader(archive()).read("together")), ElementsAre(3, 3, 3, 1));
}

TEST_F(RunSessionTest, BlamesNoToolForACaseThatFailsBeforeItCallsOne) {
  auto request = folders.request(kExperiment, "uses_odd");
  request.set["how"] = "throw_std";
  auto cases = cases_of_ids(1);
  cases.push_back(broken_case());
  const auto failures = run(std::move(request), std::move(cases)).report.failures;
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_THAT(failures[0].message, HasSubstr("tool 'odd'"));
  EXPECT_THAT(failures[1].message, ::testing::Not(HasSubstr("tool 'odd'")));
}

TEST_F(RunSessionTest, RunsTheCasesOfABatchAloneWhereOneOfThemIsRefused) {
  testing::place(folders.plugins, "batches");
  const auto outcome = run(folders.request(kTool, "together"), alike_cases({1, 7, 3}));
  ASSERT_EQ(outcome.report.failures.size(), 1u);
  EXPECT_EQ(outcome.report.failures.front().index, 1);
  EXPECT_THAT(outcome.report.failures.front().message, HasSubstr("seven is refused"));
  EXPECT_THAT(counts_of(ArchiveReader(archive()).read("together")), ElementsAre(1, 1));
}

TEST_F(RunSessionTest, SealsWhatTheCasesSavedAndTheWordsOfTheCommand) {
  auto request = folders.request(kTool, "token_count");
  request.set["scale"] = "10";
  const auto outcome = run(std::move(request), cases_of_ids(3));
  ASSERT_TRUE(outcome.sealed.has_value());
  EXPECT_EQ(outcome.sealed->path, archive());
  const ArchiveReader reader(archive());
  EXPECT_TRUE(reader.complete());
  EXPECT_THAT(counts_of(reader.read("token_count")), ElementsAre(10, 20, 30));
  EXPECT_EQ(reader.run()["arguments"], (nlohmann::json{"words", "of", "the command"}));
}

TEST_F(RunSessionTest, LeavesAnArchiveOfWhichSingleCasesAreRead) {
  run(folders.request(kTool, "token_count"), cases_of_ids(4));
  const ArchiveReader archive_reader(archive());
  const Dataset chosen = read_selection(archive_reader.stored("token_count"), {{1, 3}});
  EXPECT_THAT(counts_of(chosen), ElementsAre(2, 4));
  EXPECT_THAT(chosen["case_id"].strings, ElementsAre("case-2", "case-4"));
  const Dataset all = read_selection(archive_reader.stored("token_count"), {{1}, false});
  EXPECT_THAT(counts_of(all), ElementsAre(1, 2, 3, 4));
}

TEST_F(RunSessionTest, GoesOnAfterACaseThatFails) {
  auto cases = cases_of_ids(2);
  cases.insert(cases.begin() + 1, broken_case());
  const auto outcome = run(folders.request(kTool, "token_count"), cases);
  EXPECT_THAT(heard.cases, ElementsAre("case-1 0: 1/3", "broken failed 1: 2/3", "case-2 2: 3/3"));
  EXPECT_EQ(outcome.exit_code(), 5);
  EXPECT_THAT(outcome.report.completed, ElementsAre(0, 2));
  ASSERT_EQ(outcome.report.failures.size(), 1u);
  const auto records = ArchiveReader(archive()).cases();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].status, CaseStatus::failed);
  EXPECT_EQ(records[1].error, outcome.report.failures[0].message);
  EXPECT_EQ(records[2].status, CaseStatus::complete);
}

TEST_F(RunSessionTest, LeavesNothingOfARequestOfWhichNoCaseCouldRun) {
  const auto outcome = run(folders.request(kTool, "token_count"), {broken_case()});
  EXPECT_FALSE(outcome.sealed.has_value());
  EXPECT_EQ(outcome.exit_code(), 2);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(RunSessionTest, KeepsTheRecordOfCasesThatBrokeAPromise) {
  auto request = folders.request(kExperiment, "uses_odd");
  request.set["how"] = "throw_std";
  const auto outcome = run(std::move(request), cases_of_ids(2));
  EXPECT_EQ(outcome.exit_code(), 5);
  ASSERT_TRUE(outcome.sealed.has_value());
  EXPECT_THAT(ArchiveReader(archive()).cases()[0].error, HasSubstr("no such row"));
}

TEST_F(RunSessionTest, KeepsTheCasesWhereTheSummaryFails) {
  auto request = folders.request(kExperiment, "uses_odd");
  request.set["how"] = "throw_in_finish";
  EXPECT_THAT(message_of<RunError>([&] { run(std::move(request), cases_of_ids(2)); }),
              HasSubstr("summary over the cases failed"));
  EXPECT_THAT(files(), ElementsAre("a.run"));
}

TEST_F(RunSessionTest, OverwritesNoArchive) {
  run(folders.request(kTool, "token_count"), cases_of_ids(1));
  const std::string before = testing::sha256sum(archive());
  EXPECT_THAT(
      message_of<Error>([&] { run(folders.request(kTool, "token_count"), cases_of_ids(2)); }),
      HasSubstr("a.h5"));
  EXPECT_EQ(testing::sha256sum(archive()), before);
}

TEST_F(RunSessionTest, RefusesAToolThatIsAskedForAsAnExperimentAndTheOtherWayRound) {
  const auto start = [&](PluginEntryKind kind, const std::string& name) {
    return message_of<UsageError>([&] { RunSession(folders.request(kind, name), {}); });
  };
  EXPECT_THAT(start(kExperiment, "odd"), HasSubstr("'odd' is a tool, not an experiment"));
  EXPECT_THAT(start(kTool, "uses_odd"), HasSubstr("'uses_odd' is an experiment, not a tool"));
}

TEST_F(RunSessionTest, RefusesANameThatNoPluginHas) {
  EXPECT_THAT(message_of<PluginError>([&] { RunSession(folders.request(kTool, "nothing"), {}); }),
              AllOf(HasSubstr("'nothing'"), HasSubstr(folders.plugins.path().string())));
}

TEST_F(RunSessionTest, SaysWhichLibrariesAreLeftOut) {
  testing::place(folders.plugins, "wrong_api");
  const RunSession session(folders.request(kTool, "token_count"), heard.listener());
  EXPECT_THAT(heard.warnings,
              ElementsAre(AllOf(HasSubstr("left out: "), HasSubstr("wrong_api.so"))));
  EXPECT_EQ(session.entry().name, "token_count");
}

TEST_F(RunSessionTest, RefusesWrongParametersBeforeAnythingIsWritten) {
  auto request = folders.request(kTool, "token_count");
  request.set["scale"] = "large";
  EXPECT_THAT(message_of<UsageError>([&] { run(std::move(request), cases_of_ids(1)); }),
              HasSubstr("scale"));
  EXPECT_THAT(files(), IsEmpty());
}

// The signal is noted for the whole process, so the run that is stopped has a process of its own,
// which begins this test anew and finds the folder in its environment.
constexpr const char* kFolderVariable = "LENSBENCH_TEST_INTERRUPTED";

RunListener interrupting(std::vector<std::string>& cases) {
  return {[](const std::string&) {},
          [&cases](const CaseProgress& ended) {
            cases.push_back(ended.id);
            if (ended.done == 2) raise(SIGINT);
          }};
}

int exit_code_of_interrupted_run(const RunRequest& request, const fs::path& out) {
  std::vector<std::string> cases;
  RunSession session(request, interrupting(cases));
  session.prepare(cases_of_ids(4), {});
  const auto outcome = session.execute(out, {});
  std::cerr << "interrupted " << outcome.report.interrupted << " sealed "
            << outcome.sealed.has_value() << " completed " << outcome.report.completed.size()
            << " told " << cases.size() << "\n";
  return outcome.exit_code();
}

TEST_F(RunSessionTest, StopsAfterTheCaseInHandAndGoesOnWhereItStopped) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (getenv(kFolderVariable) == nullptr)
    setenv(kFolderVariable, folders.archives.path().c_str(), 1);
  const fs::path out = fs::path(getenv(kFolderVariable)) / "a.h5";
  auto request = folders.request(kTool, "token_count");
  request.commit_every_s = 0;  // so that a case is reported before the next one begins
  EXPECT_EXIT(std::exit(exit_code_of_interrupted_run(request, out)), ::testing::ExitedWithCode(5),
              "interrupted 1 sealed 0 completed 2 told 2");
  unsetenv(kFolderVariable);
  ASSERT_THAT(files(), ElementsAre("a.run"));

  request.resume = true;
  const auto outcome = run(std::move(request), cases_of_ids(4));
  EXPECT_THAT(heard.cases, ElementsAre("case-3 2: 3/4", "case-4 3: 4/4"));
  EXPECT_EQ(outcome.exit_code(), 0);
  EXPECT_THAT(counts_of(ArchiveReader(archive()).read("token_count")), ElementsAre(1, 2, 3, 4));
}

/// What runs of one process share, as a server does.
OpenParts open_parts(const RunRequest& request) {
  OpenParts parts{std::make_shared<PluginHost>(), Model::open(request.model),
                  std::make_shared<FileDigests>()};
  for (const std::string& folder : request.plugins.dirs) parts.host->load_directory(folder);
  return parts;
}

TEST_F(RunSessionTest, KeptResultsBecomeTheArchiveOfARunThatWasNotKept) {
  const RunRequest request = folders.request(kTool, "token_count");
  const OpenParts parts = open_parts(request);
  for (const char* name : {"first.h5", "second.h5"}) {
    RunSession session(request, heard.listener(), parts);
    session.prepare(cases_of_ids(3), {});
    const RunSession::Kept kept = session.run_in_memory({"tool", "token_count"});
    EXPECT_THAT(kept.report.completed, ElementsAre(0, 1, 2));
    EXPECT_EQ(kept.results.bytes(), 3 * sizeof(double));
    EXPECT_THAT(files(), Not(Contains(name)));
    session.save(kept, folders.archives / name);
  }
  run(request, cases_of_ids(3));
  EXPECT_THAT(files(), IsSupersetOf({"a.h5", "first.h5", "second.h5"}));
  const ArchiveReader plain(archive());
  for (const char* name : {"first.h5", "second.h5"}) {
    const ArchiveReader saved(folders.archives / name);
    EXPECT_THAT(counts_of(saved.read("token_count")), ElementsAre(1, 2, 3));
    for (const char* digest : {"results_sha256", "recipe_sha256", "environment_sha256"})
      EXPECT_EQ(saved.attribute(digest), plain.attribute(digest)) << name << digest;
    EXPECT_EQ(saved.run()["arguments"], (nlohmann::json{"tool", "token_count"}));
  }
}

/// What a run in memory of a case of two tokens says.
std::string message_of_run(const RunRequest& request, const OpenParts& parts) {
  return message_of<RunError>([&] {
    RunSession session(request, {}, parts);
    session.prepare({{"case-1", "", {17, 18}, {}}}, {});
    session.run_in_memory({});
  });
}

// A server has one model for all runs.
TEST_F(RunSessionTest, DoesNotRunOnAModelIntoWhichAnEarlierRunWrote) {
  testing::place(folders.plugins, "writes_weights");
  const RunRequest writes = folders.request(kTool, "zeroes"),
                   reads = folders.request(kTool, "reads");
  OpenParts parts = open_parts(writes);
  // In the type of the file the weights are mapped, and a write would end the process.
  parts.model = Model::open(testing::kModel, {.dtype = at::kBFloat16});
  EXPECT_THAT(message_of_run(writes, parts), HasSubstr("case 'case-1', tool 'zeroes'"));
  EXPECT_THAT(message_of_run(reads, parts), HasSubstr("before the first case"));
}

TEST_F(RunSessionTest, KeepsTheErrorOfACaseThatFailed) {
  const RunRequest request = folders.request(kTool, "token_count");
  RunSession session(request, heard.listener(), open_parts(request));
  session.prepare({cases_of_ids(1)[0], broken_case()}, {});
  const RunSession::Kept kept = session.run_in_memory({});
  ASSERT_EQ(kept.report.failures.size(), 1u);
  EXPECT_EQ(kept.results.entries().at(1).error, kept.report.failures[0].message);
  session.save(kept, archive());
  const ArchiveReader saved(archive());
  EXPECT_EQ(saved.cases()[0].status, CaseStatus::complete);
  EXPECT_EQ(saved.cases()[1].status, CaseStatus::failed);
  EXPECT_EQ(saved.cases()[1].error, kept.report.failures[0].message);
}

TEST_F(RunSessionTest, StopsWhenItsListenerSaysSo) {
  const RunRequest request = folders.request(kTool, "token_count");
  RunListener listener;
  int ended = 0;
  listener.on_case = [&](const CaseProgress&) { ++ended; };
  listener.should_stop = [&] { return ended == 2; };
  RunSession session(request, listener, open_parts(request));
  session.prepare(cases_of_ids(4), {});
  const RunSession::Kept kept = session.run_in_memory({});
  EXPECT_TRUE(kept.report.interrupted);
  EXPECT_EQ(kept.results.entries().size(), 2u);
}

TEST(RunOutcome, IsTheWorstThatHappened) {
  RunSession::Outcome outcome;
  EXPECT_EQ(outcome.exit_code(), 0);
  outcome.failed_receipts = 2;
  EXPECT_EQ(outcome.exit_code(), 1);
  outcome.report.failures = {{0, "", 3}, {1, "", 2}};
  EXPECT_EQ(outcome.exit_code(), 3);  // no case ran: the first failure's own code
  outcome.report.completed = {2};
  EXPECT_EQ(outcome.exit_code(), 5);
  outcome.report.failures.clear();
  outcome.report.interrupted = true;
  EXPECT_EQ(outcome.exit_code(), 5);
}

}  // namespace
}  // namespace lensbench
