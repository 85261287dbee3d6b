#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <set>
#include <thread>

#include "archive/archive_reader.hpp"
#include "archive/run/committed_results.hpp"
#include "archive/run/frame.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/run_writer.hpp"
#include "archive/run/unfinished_run.hpp"
#include "framework/archive/joint/joint_plan.hpp"
#include "support/error_matchers.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// Several writers of one run, each in the place of a process of its own.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::joint_plan;
using testing::joint_result;
using testing::joint_rules;
using testing::message_of;
using testing::slurp;
using testing::TempDir;
using Numbers = std::vector<std::int64_t>;

class JointWriter : public ::testing::Test {
 protected:
  RunWriter join(const std::string& part = "1", bool resume = false) const {
    return RunWriter::join(archive(), plan_, joint_rules(part, resume));
  }
  /// A process that computes some cases and ends.
  void compute(const std::string& part, const Numbers& cases) const {
    RunWriter writer = join(part);
    for (const std::int64_t index : cases) writer.commit(index, joint_result(index), {});
    writer.finish_writing();
  }
  SealResult seal(bool costs = true) const {
    RunWriter writer = join("seal", true);
    writer.settle();
    return writer.seal({}, {}, {}, {{"cpu", "one"}}, nlohmann::json::object(), costs);
  }
  fs::path archive() const { return dir_ / "a.h5"; }
  fs::path run() const { return dir_ / "a.run"; }

  TempDir dir_;
  RunPlan plan_ = joint_plan(6);
};

Numbers indices(const std::vector<CaseOutcome>& cases) {
  Numbers numbers;
  for (const CaseOutcome& one : cases) numbers.push_back(one.index);
  return numbers;
}

TEST_F(JointWriter, FindsTheCasesOfTheOthersWhenItLooks) {
  RunWriter first = join("1"), second = join("2");
  first.commit(0, joint_result(0), {});
  second.commit(3, joint_result(3), {});
  EXPECT_THAT(first.done(), ElementsAre(0));
  first.look();
  EXPECT_THAT(first.done(), ElementsAre(0, 3));
  EXPECT_EQ(first.read(3, "look")["value"].tensor.item<double>(), 3);
  // A file that grew since is looked at again.
  second.commit(4, joint_result(4), {});
  first.look();
  EXPECT_THAT(first.done(), ElementsAre(0, 3, 4));
  EXPECT_THAT(indices(first.missing()), ElementsAre(1, 2, 5));
}

TEST_F(JointWriter, ReadsTheUnitsOfTheCasesThatItWantsAlone) {
  compute("1", {0, 1, 2});
  RunWriter writer = join("2");
  writer.look([](std::int64_t index) { return index > 1; });
  EXPECT_THAT(writer.done(), ElementsAre(2));
  writer.look();
  EXPECT_THAT(writer.done(), ElementsAre(0, 1, 2));
}

// A pack gets a name of its own, and a process that knows the file by its first name still reads
// it.
TEST_F(JointWriter, ReadsAUnitWhoseFileBecameAPackMeanwhile) {
  RunWriter first = join("1"), second = join("2");
  second.commit(3, joint_result(3), {});
  first.look();
  second.finish_writing();
  EXPECT_EQ(pack_files(run()).size(), 1u);
  EXPECT_EQ(first.read(3, "look")["value"].tensor.item<double>(), 3);
  first.look();
  EXPECT_THAT(first.done(), ElementsAre(3));
}

TEST_F(JointWriter, ChangesNoFileOfAnother) {
  RunWriter writer = join("1");
  writer.commit(0, joint_result(0), {});
  const auto parts = part_files(run());
  ASSERT_EQ(parts.size(), 1u);
  // The beginning of a frame, as a process that is writing leaves it for a moment.
  std::ofstream(parts[0], std::ios::binary | std::ios::app) << "LBFRAME1 and so on";
  const std::string before = slurp(parts[0]);
  RunWriter other = join("2");
  other.look();
  EXPECT_THAT(other.done(), ElementsAre(0));
  EXPECT_THAT(part_files(run()), ElementsAre(parts[0]));
  EXPECT_EQ(slurp(parts[0]), before);
}

// A network file system may show the length of a file before its last bytes.
TEST_F(JointWriter, LooksAgainAtAFileWhoseLastBytesWereMissing) {
  compute("1", {0, 1});
  const fs::path part = part_files(run()).at(0);
  const std::string whole = slurp(part);
  const auto write = [&](const std::string& bytes) {
    std::fstream(part, std::ios::binary | std::ios::in | std::ios::out) << bytes;
  };
  write(whole.substr(0, whole.size() - 16) + std::string(16, '\xff'));
  RunWriter writer = join("2");
  writer.look();
  EXPECT_THAT(writer.done(), ElementsAre(0));
  write(whole);
  writer.look();
  EXPECT_THAT(writer.done(), ElementsAre(0, 1));
}

TEST_F(JointWriter, GivesEachPackANumberOfItsOwn) {
  plan_ = joint_plan(40);
  std::vector<std::thread> processes;
  for (std::int64_t part = 0; part < 4; ++part)
    processes.emplace_back([this, part] {
      JointRules rules = joint_rules(std::to_string(part));
      rules.commits.frames_per_pack = 2;
      RunWriter writer = RunWriter::join(archive(), plan_, rules);
      for (std::int64_t i = part * 10; i < part * 10 + 10; ++i)
        writer.commit(i, joint_result(i), {});
      writer.finish_writing();
    });
  for (std::thread& process : processes) process.join();
  EXPECT_EQ(pack_files(run()).size(), 20u);
  RunWriter writer = join("x");
  writer.look();
  EXPECT_EQ(writer.done().size(), 40u);
  // A published file is counted once, although it has two names.
  EXPECT_EQ(frame_files(run()).size(), 20u);
  EXPECT_EQ(inspect_run(run()).complete, 40u);
}

TEST_F(JointWriter, KeepsTheFirstOfTwoFramesOfACase) {
  compute("1", {2});
  {
    RunWriter writer = join("2");
    writer.commit(2, joint_result(7), {});
    writer.finish_writing();
  }
  RunWriter writer = join("3");
  writer.look();
  EXPECT_EQ(writer.read(2, "look")["value"].tensor.item<double>(), 2);
  EXPECT_EQ(CommittedResults(run()).read("look", {2})["value"].tensor.item<double>(), 2);
}

TEST_F(JointWriter, SealsInTheOrderOfThePlan) {
  compute("2", {5, 3, 4});
  compute("1", {2, 0, 1});
  seal();
  const at::Tensor values = ArchiveReader(archive()).read("look")["value"].tensor;
  EXPECT_TRUE(values.equal(at::tensor({0.0, 1.0, 2.0, 3.0, 4.0, 5.0}, at::kDouble)));
  EXPECT_FALSE(fs::exists(run()));
}

/// Bytes of the archive of one run, however its cases were divided.
std::string sealed_bytes(const std::vector<Numbers>& processes, const RunPlan& plan) {
  const TempDir dir;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    RunWriter writer = RunWriter::join(dir / "a.h5", plan, joint_rules(std::to_string(i)));
    CaseCosts costs;
    costs.whole.seconds = static_cast<double>(i) + 0.5;
    costs.session = "process " + std::to_string(i);
    for (const std::int64_t index : processes[i]) writer.commit(index, joint_result(index), costs);
    writer.finish_writing();
  }
  RunWriter writer = RunWriter::join(dir / "a.h5", plan, joint_rules("seal"));
  writer.settle();
  writer.seal({}, {}, {}, {{"cpu", "one"}}, nlohmann::json::object(), false);
  return slurp(dir / "a.h5");
}

TEST(ReproducibleSeal, HasTheSameBytesHoweverTheCasesWereDivided) {
  const RunPlan plan = joint_plan(6);
  const std::string whole = sealed_bytes({{0, 1, 2, 3, 4, 5}}, plan);
  ASSERT_FALSE(whole.empty());
  EXPECT_EQ(sealed_bytes({{0, 1, 2}, {3, 4, 5}}, plan), whole);
  EXPECT_EQ(sealed_bytes({{5}, {4, 3}, {0, 2, 1}}, plan), whole);
  // Cases that two processes computed.
  EXPECT_EQ(sealed_bytes({{0, 1, 2, 3}, {2, 3, 4, 5}}, plan), whole);
}

TEST_F(JointWriter, DoesNotSealWhatIsIncomplete) {
  compute("1", {0, 1});
  EXPECT_THAT(message_of<UsageError>([&] { seal(); }), HasSubstr("case 2 has not run"));
  EXPECT_TRUE(fs::exists(run()));
}

TEST_F(JointWriter, RefusesAnotherPlan) {
  compute("1", {0});
  plan_.request = {{"seed", 3}};
  EXPECT_THAT(message_of<UsageError>([&] { join("2"); }), HasSubstr("another request"));
}

TEST_F(JointWriter, GoesOnWithARunThatOneProcessBeganIfItIsResumed) {
  {
    RunWriter alone = RunWriter::start(archive(), plan_, false);
    alone.commit(0, joint_result(0), {});
  }
  EXPECT_THAT(message_of<UsageError>([&] { join("1"); }), HasSubstr("--resume"));
  RunWriter writer = join("1", true);
  writer.look();
  EXPECT_THAT(writer.done(), ElementsAre(0));
  // From then on nobody has the run alone.
  EXPECT_THAT(message_of<UsageError>([&] { RunWriter::start(archive(), plan_, true); }),
              HasSubstr("several processes share"));
}

TEST_F(JointWriter, DoesNotShareARunOnWhichOneProcessStillWorks) {
  const RunWriter alone = RunWriter::start(archive(), plan_, false);
  EXPECT_THAT(message_of<UsageError>([&] { join("1", true); }), HasSubstr("still works on it"));
}

// A process that is started twice may still run when the other one has sealed.
TEST_F(JointWriter, DoesNotBringBackTheFolderOfARunThatIsSealed) {
  RunWriter late = join("2");
  compute("1", {0, 1, 2, 3, 4, 5});
  seal();
  EXPECT_THROW(late.commit(0, joint_result(0), {}), RunError);
  EXPECT_FALSE(fs::exists(run()));
}

// Or else a seal that is tried too early would decide which machines may compute.
TEST_F(JointWriter, KeepsTheEnvironmentOfAProcessThatComputesAlone) {
  JointRules rules = joint_rules("seal");
  rules.keeps_environment = false;
  rules.environment = {{"cpu", "of the machine that seals"}};
  RunWriter::join(archive(), plan_, rules);
  EXPECT_FALSE(fs::exists(run() / "environment.json"));
  compute("1", {0});
  EXPECT_THAT(message_of<UsageError>([&] { RunWriter::join(archive(), plan_, rules); }),
              HasSubstr("another environment"));
}

TEST_F(JointWriter, LeavesFailedCasesToAResume) {
  {
    RunWriter writer = join("1");
    writer.commit_failure(1, "no", {});
    EXPECT_THAT(writer.given_up(0), ElementsAre(1));
    EXPECT_THAT(indices(writer.failures()), ElementsAre(1));
    writer.finish_writing();
  }
  RunWriter again = join("1"), resumed = join("1", true);
  again.look();
  resumed.look();
  EXPECT_THAT(again.given_up(0), ElementsAre(1));
  EXPECT_THAT(resumed.given_up(0), IsEmpty());
}

// A resume repeats failures, but not in the process that has just given the case up.
TEST_F(JointWriter, DoesNotRepeatACaseThatItGaveUp) {
  RunWriter writer = join("1", true);
  writer.commit_failure(1, "no", {});
  writer.give_up(2, "ended its process", 0);
  EXPECT_THAT(writer.given_up(0), ElementsAre(2));
  EXPECT_TRUE(writer.waits(1, 0));
  EXPECT_FALSE(writer.waits(2, 0));
  EXPECT_THAT(indices(writer.failures()), ElementsAre(1, 2));
}

TEST_F(JointWriter, DoesNotRepeatAFailureThatALaterPassHasRead) {
  plan_ = joint_plan(2, 2);
  RunWriter writer = join("1", true);
  writer.commit_failure(0, "no", {});
  writer.commit(1, joint_result(1), {});
  EXPECT_THAT(writer.given_up(0), IsEmpty());
  EXPECT_THAT(indices(writer.missing(1)), IsEmpty());
  EXPECT_THAT(indices(writer.missing()), ElementsAre(1));
  writer.commit(1, joint_result(1, "second"), {}, 1);
  EXPECT_THAT(writer.given_up(0), ElementsAre(0));
  EXPECT_THAT(indices(writer.missing()), IsEmpty());
}

Dataset text_result() {
  Dataset dataset;
  dataset.add("value", "row", std::vector<std::string>{"a"}, "a text");
  return dataset;
}

// No process sees the cases of the others when it saves, so that the seal decides.
TEST_F(JointWriter, FailsACaseThatCannotBeJoinedWithAnEarlierOneOfThePlan) {
  {
    RunWriter writer = join("2");
    for (const std::int64_t index : {3, 4, 5}) writer.commit(index, {{"look", text_result()}}, {});
    writer.finish_writing();
  }
  compute("1", {0, 1, 2});
  RunWriter writer = join("seal", true);
  writer.settle();
  EXPECT_THAT(writer.done(), ElementsAre(0, 1, 2));
  const auto failures = writer.failures();
  EXPECT_THAT(indices(failures), ElementsAre(3, 4, 5));
  EXPECT_THAT(failures.at(0).error,
              HasSubstr("dataset 'look': variable 'value': its element type"));
  writer.seal({}, {}, {}, {{"cpu", "one"}}, nlohmann::json::object());
  EXPECT_EQ(ArchiveReader(archive()).read("look")["value"].tensor.numel(), 3);
  EXPECT_EQ(ArchiveReader(archive()).cases().at(3).status, CaseStatus::failed);
}

TEST_F(JointWriter, FindsTheStateThatAnotherProcessKept) {
  RunWriter first = join("1"), second = join("2");
  first.commit_state(-1, 0, "run_means", joint_result(5).at("look"));
  const auto found = second.state(-1, 0, "run_means");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ((*found)["value"].tensor.item<double>(), 5);
  // Its own counts more than that of another.
  second.commit_state(-1, 0, "run_means", joint_result(6).at("look"));
  EXPECT_EQ((*second.state(-1, 0, "run_means"))["value"].tensor.item<double>(), 6);
  EXPECT_EQ((*first.state(-1, 0, "run_means"))["value"].tensor.item<double>(), 5);
}

TEST_F(JointWriter, RemovesItsOwnStatesAlone) {
  RunWriter first = join("1"), second = join("2");
  first.commit_state(0, 0, "sum", joint_result(5).at("look"));
  second.commit_state(0, 0, "sum", joint_result(6).at("look"));
  second.commit(0, joint_result(0), {});
  second.make_safe();
  ASSERT_TRUE(second.state(0, 0, "sum").has_value());
  EXPECT_EQ((*second.state(0, 0, "sum"))["value"].tensor.item<double>(), 5);
}

// A process that is killed leaves the note of its case; one that ends takes it away.
TEST_F(JointWriter, CountsTheProcessesThatEndedInACaseWhenItResumes) {
  {
    RunWriter ended = join("1");
    ended.note("case 'case-4'", 4);
    RunWriter other = join("2", true);
    EXPECT_THAT(other.ended_processes(), ElementsAre(::testing::Pair(4, 1)));
  }
  dir_.write("a.run/notes/host.8.a", "3 case 'case-3', tool 'x'");
  dir_.write("a.run/notes/host.9.b", "3 case 'case-3'");
  dir_.write("a.run/notes/host.9.c", std::string(1024, '\0'));
  dir_.write("a.run/notes/host.9.d", "99 a case that is not planned");
  EXPECT_THAT(join("1", true).ended_processes(), ElementsAre(::testing::Pair(3, 2)));
  EXPECT_THAT(join("1").ended_processes(), IsEmpty());
}

TEST_F(JointWriter, HasANameThatIsUnique) {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) names.insert(new_writer_name("7"));
  EXPECT_EQ(names.size(), 100u);
  for (const std::string& name : names) EXPECT_THAT(name, HasSubstr(".7."));
}

}  // namespace
}  // namespace lensbench
