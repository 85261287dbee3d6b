#include "archive/run/packs.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <lensbench/error.hpp>
#include <string>
#include <thread>

#include "archive/archive_reader.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/plan_files.hpp"
#include "archive/run/run_writer.hpp"
#include "archive/run/unfinished_run.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

// What a resume believes of the files of units of an earlier process.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::slurp;
using testing::TempDir;

RunPlan packed_plan(std::size_t cases) {
  RunPlan plan;
  plan.title = plan.experiment = "packs";
  plan.experiment_version = "1.0.0";
  plan.request = nlohmann::json::object();
  for (std::size_t i = 0; i < cases; ++i)
    plan.cases.push_back({"case" + std::to_string(i), "text", 1, std::string(64, 'c'), {17}});
  return plan;
}

std::map<std::string, Dataset> packed_result(std::int64_t index) {
  Dataset dataset;
  dataset.add(testing::numbers("value", {"row"}, at::full({300}, index, at::kFloat)));
  return {{"lens", dataset}};
}

void commit_all(RunWriter& writer, std::int64_t cases) {
  for (std::int64_t i = 0; i < cases; ++i) writer.commit(i, packed_result(i), {});
}

fs::path only_part(const TempDir& folder) {
  const auto parts = part_files(folder / "a.run");
  EXPECT_EQ(parts.size(), 1u);
  return parts.at(0);
}

/// Three cases of a process that ended without notice; the offsets of their frames.
std::vector<std::uint64_t> three_cases(const TempDir& folder) {
  {
    RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(3), false);
    commit_all(writer, 3);
  }
  std::vector<std::uint64_t> offsets;
  scan_frames(only_part(folder), [&](const FrameHead&, std::uint64_t offset, const Bytes&) {
    offsets.push_back(offset - kFrameHeadBytes);
  });
  EXPECT_EQ(offsets.size(), 3u);
  return offsets;
}

void flip_bit(const fs::path& file, std::uint64_t offset) {
  std::fstream bytes(file, std::ios::binary | std::ios::in | std::ios::out);
  bytes.seekg(static_cast<std::streamoff>(offset));
  const char changed = static_cast<char>(bytes.get() ^ 1);
  bytes.seekp(static_cast<std::streamoff>(offset));
  bytes.put(changed);
}

std::vector<std::int64_t> done_after_resume(const TempDir& folder, std::size_t cases = 3) {
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(cases), true);
  const auto done = writer.done();
  for (const auto index : done)
    EXPECT_EQ(writer.read(index, "lens")["value"].tensor[7].item<float>(), index);
  return done;
}

SealResult seal_packs(RunWriter& writer) {
  return writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
}

TEST(TornFrame, IsCutOffAtEveryLength) {
  const TempDir whole;
  const auto offsets = three_cases(whole);
  const std::string bytes = slurp(only_part(whole));
  for (std::uint64_t end = offsets[2]; end < bytes.size(); end += 97) {
    const TempDir folder;
    three_cases(folder);
    fs::resize_file(only_part(folder), end);
    EXPECT_THAT(done_after_resume(folder), ElementsAre(0, 1)) << end;
    EXPECT_THAT(part_files(folder / "a.run"), ElementsAre());
    const auto packs = pack_files(folder / "a.run");
    ASSERT_EQ(packs.size(), 1u);
    EXPECT_EQ(slurp(packs[0]), bytes.substr(0, offsets[2]));
  }
}

TEST(TornFrame, OfZerosIsCutOff) {
  const TempDir folder;
  const auto offsets = three_cases(folder);
  const auto size = fs::file_size(only_part(folder));
  fs::resize_file(only_part(folder), offsets[2] + kFrameHeadBytes);
  fs::resize_file(only_part(folder), size);
  EXPECT_THAT(done_after_resume(folder), ElementsAre(0, 1));
}

TEST(FlippedBit, CostsTheCaseOfItsFrame) {
  for (const std::uint64_t place : {0, 20, 40, 90, 96, 400, 1000}) {
    const TempDir folder;
    const auto offsets = three_cases(folder);
    flip_bit(only_part(folder), offsets[1] + place);
    EXPECT_THAT(done_after_resume(folder), ElementsAre(0, 2)) << place;
    // Once more, from a pack.
    EXPECT_THAT(done_after_resume(folder), ElementsAre(0, 2)) << place;
  }
}

TEST(FlippedBit, IsCountedByInspectionAndRunsAgain) {
  const TempDir folder;
  const auto offsets = three_cases(folder);
  flip_bit(only_part(folder), offsets[0] + 500);
  const UnfinishedRun run = inspect_run(folder / "a.run");
  EXPECT_EQ(run.planned, 3u);
  EXPECT_EQ(run.complete, 2u);
  EXPECT_EQ(run.damaged, 1u);
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(3), true);
  writer.commit(0, packed_result(0), {});
  const TempDir undisturbed;
  RunWriter other = RunWriter::start(undisturbed / "a.h5", packed_plan(3), false);
  commit_all(other, 3);
  EXPECT_EQ(seal_packs(writer).digests.seal, seal_packs(other).digests.seal);
}

TEST(FlippedBit, AfterTheResumeIsNoticedByTheSeal) {
  const TempDir folder;
  const auto offsets = three_cases(folder);
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(3), true);
  flip_bit(pack_files(folder / "a.run").at(0), offsets[1] + 500);
  EXPECT_THROW(seal_packs(writer), InputError);
  EXPECT_FALSE(fs::exists(folder / "a.h5"));
}

TEST(MissingPack, CostsItsCasesOnly) {
  const TempDir folder;
  constexpr std::int64_t kCases = 2 * 256 + 3;
  {
    RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(kCases), false,
                                        {.every = std::chrono::seconds(100)});
    commit_all(writer, kCases);
    EXPECT_FALSE(writer.is_safe());
  }
  const auto packs = pack_files(folder / "a.run");
  ASSERT_EQ(packs.size(), 2u);
  EXPECT_EQ(packs[1], folder / "a.run/packs/000/000001.pack");
  fs::remove(packs[0]);
  const auto done = done_after_resume(folder, kCases);
  ASSERT_EQ(std::ssize(done), std::ssize(packed_plan(kCases).cases) - 256);
  EXPECT_EQ(done.front(), 256);
  // The number of the missing pack is not used again.
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(kCases), true);
  for (std::int64_t i = 0; i < 256; ++i) writer.commit(i, packed_result(i), {});
  EXPECT_THAT(pack_files(folder / "a.run"), ElementsAre(folder / "a.run/packs/000/000001.pack",
                                                        folder / "a.run/packs/000/000002.pack",
                                                        folder / "a.run/packs/000/000003.pack"));
  EXPECT_NO_THROW(seal_packs(writer));
}

TEST(TwoFrames, OfOneCaseCountOnce) {
  const TempDir folder, other;
  const auto offsets = three_cases(folder);
  three_cases(other);
  fs::create_directories(folder / "a.run/packs/000");
  fs::copy_file(only_part(other), folder / "a.run/packs/000/000007.pack");
  const UnfinishedRun run = inspect_run(folder / "a.run");
  EXPECT_EQ(run.complete, 3u);
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(3), true);
  EXPECT_THAT(writer.done(), ElementsAre(0, 1, 2));
  // The first one counts: the seal does not read the second.
  flip_bit(folder / "a.run/packs/000/000008.pack", offsets[1] + 500);
  EXPECT_NO_THROW(seal_packs(writer));
}

TEST(TwoFrames, OfAFailedCaseCountTheCompleteOneOrTheLast) {
  const TempDir folder;
  {
    RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(2), false);
    writer.commit_failure(0, "first", {});
    writer.commit_failure(1, "first", {});
  }
  {
    RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(2), true);
    writer.commit(0, packed_result(0), {});
    writer.commit_failure(1, "second", {});
  }
  const UnfinishedRun run = inspect_run(folder / "a.run");
  EXPECT_EQ(run.complete, 1u);
  EXPECT_EQ(run.failed, 1u);
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(2), true);
  EXPECT_THAT(writer.done(), ElementsAre(0));
  EXPECT_NO_THROW(writer.require_all_run());
  seal_packs(writer);
}

TEST(TwoNames, OfOneFileAreOnePack) {
  const TempDir folder;
  three_cases(folder);
  // State that a process leaves which is killed between the two steps of publishing.
  fs::create_directories(folder / "a.run/packs/000");
  fs::create_hard_link(only_part(folder), folder / "a.run/packs/000/000000.pack");
  EXPECT_THAT(done_after_resume(folder), ElementsAre(0, 1, 2));
  EXPECT_THAT(part_files(folder / "a.run"), ElementsAre());
  EXPECT_EQ(pack_files(folder / "a.run").size(), 1u);
}

TEST(Units, OfAnotherPlanAreNotTaken) {
  const TempDir folder, other;
  three_cases(folder);
  RunPlan plan = packed_plan(3);
  plan.request["seed"] = 8;
  { RunWriter writer = RunWriter::start(other / "a.h5", plan, false); }
  fs::create_directories(other / "a.run/packs/000");
  fs::copy_file(only_part(folder), other / "a.run/packs/000/000000.pack");
  const RunWriter writer = RunWriter::start(other / "a.h5", plan, true);
  EXPECT_TRUE(writer.done().empty());
}

TEST(Units, WithoutACompletePlanAreRemoved) {
  const TempDir folder;
  three_cases(folder);
  fs::remove(folder / "a.run/plan/READY");
  const RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(3), true);
  EXPECT_TRUE(writer.done().empty());
  EXPECT_TRUE(has_plan(folder / "a.run/plan"));
}

TEST(Units, OfAnEarlierVersionAreRefused) {
  const TempDir folder;
  fs::create_directories(folder / "a.run/units");
  std::ofstream(folder / "a.run/plan.json") << "{}";
  try {
    RunWriter::start(folder / "a.h5", packed_plan(3), true);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("an earlier version of lensbench"));
  }
  EXPECT_TRUE(fs::exists(folder / "a.run/units"));
}

TEST(Names, OfAReadCaseNeedNoFile) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(1), false);
  writer.commit(0, packed_result(0), {});
  fs::remove(only_part(folder));
  EXPECT_THAT(writer.names(0), ElementsAre("lens"));
  EXPECT_THROW(writer.read(0, "lens"), InputError);
}

TEST(Read, GivesValuesOfItsOwn) {
  const TempDir folder;
  Dataset large;
  large.add(testing::numbers("values", {"row"}, at::ones({100'000})));
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(1), false);
  writer.commit(0, {{"large", large}}, {});
  const Dataset first = writer.read(0, "large");
  first["values"].tensor.fill_(7);
  EXPECT_TRUE(writer.read(0, "large")["values"].tensor.equal(at::ones({100'000})));
}

TEST(States, AreKeptUntilTheirCaseIsSafe) {
  const TempDir folder;
  RunWriter writer =
      RunWriter::start(folder / "a.h5", packed_plan(2), false, {.every = std::chrono::hours(1)});
  writer.commit_state(0, 0, "half", packed_result(3).at("lens"));
  EXPECT_EQ(writer.state(0, 0, "half")->operator[]("value").tensor[0].item<float>(), 3);
  writer.commit(0, packed_result(0), {});
  EXPECT_TRUE(writer.state(0, 0, "half").has_value());
  EXPECT_FALSE(writer.state(0, 0, "other").has_value());
  EXPECT_FALSE(writer.state(1, 0, "half").has_value());
  writer.make_safe();
  EXPECT_FALSE(writer.state(0, 0, "half").has_value());
}

TEST(States, OfTheRunSurviveItsCasesAndAreThereAfterAResume) {
  const TempDir folder;
  {
    RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(2), false);
    writer.commit_state(-1, 0, "run_means", packed_result(3).at("lens"));
    writer.commit(0, packed_result(0), {});
    writer.make_safe();
  }
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(2), true);
  const auto state = writer.state(-1, 0, "run_means");
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ((*state)["value"].tensor[0].item<float>(), 3);
  EXPECT_FALSE(writer.state(1, 0, "run_means").has_value());
}

TEST(States, ThatAreDamagedAreNone) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(1), false);
  writer.commit_state(0, 0, "half", packed_result(3).at("lens"));
  const auto file = fs::directory_iterator(folder / "a.run/states")->path();
  flip_bit(file, 300);
  EXPECT_FALSE(writer.state(0, 0, "half").has_value());
}

TEST(CommitRules, MakeLongCasesSafeOneByOne) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(2), false,
                                      {.every = std::chrono::milliseconds(150)});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  // Another case of 100 ms would take longer than 150 ms in all.
  writer.commit(0, packed_result(0), {});
  EXPECT_TRUE(writer.is_safe());
}

TEST(Seal, JoinsVariablesWithoutElements) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "a.h5", packed_plan(2), false);
  Dataset dataset;
  dataset.add(testing::numbers("nothing", {"none"}, at::empty({0}, at::kDouble)));
  for (std::int64_t i = 0; i < 2; ++i) writer.commit(i, {{"lens", dataset}}, {});
  const Dataset read = ArchiveReader(seal_packs(writer).path).read("lens");
  EXPECT_EQ(read["nothing"].tensor.sizes(), (std::vector<std::int64_t>{2, 0}));
}

TEST(PlanFiles, GiveOneCaseByItsNumber) {
  const TempDir folder;
  RunPlan plan = packed_plan(300);
  plan.cases[299].fields = {{"subject", "last"}};
  write_plan(folder.path(), plan);
  EXPECT_EQ(planned_cases(folder.path()), 300u);
  EXPECT_EQ(planned_case(folder.path(), 299)["fields"]["subject"], "last");
  EXPECT_EQ(planned_case(folder.path(), 7)["id"], "case7");
  EXPECT_EQ(planned_case(folder.path(), 7)["ids"][0], 17);
  EXPECT_EQ(fs::file_size(folder / "cases.idx"), 32u + 300 * 32);
  EXPECT_THROW(planned_case(folder.path(), 300), InputError);
}

}  // namespace
}  // namespace lensbench
