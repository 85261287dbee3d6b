#include "archive/run/run_writer.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <fstream>
#include <lensbench/error.hpp>
#include <limits>

#include "archive/archive_reader.hpp"
#include "archive/digest/verify.hpp"
#include "archive/run/pack_files.hpp"
#include "core/files/sha256.hpp"
#include "support/file_size_limit.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using testing::numbers;
using testing::slurp;
using testing::TempDir;

RunPlan plan_of(int cases) {
  RunPlan plan;
  plan.title = "Where is it known?";
  plan.experiment = "fact_recall";
  plan.experiment_version = "1.0.0";
  plan.request = {{"model", "tiny"}, {"seed", 7}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 1000}};
  plan.plugins = {{"logit_lens", "1.0.0", std::string(64, 'b'), "logit_lens 1.0.0"}};
  plan.source = "class FactRecall {};\n";
  for (int i = 0; i < cases; ++i)
    plan.cases.push_back({"case" + std::to_string(i), "prompt " + std::to_string(i), 2 + i,
                          std::string(64, 'c'),
                          std::vector<std::int64_t>(static_cast<std::size_t>(2 + i), 17)});
  return plan;
}

Dataset lens(std::int64_t n_tokens, float value) {
  Dataset dataset;
  const auto n = static_cast<std::size_t>(n_tokens);
  add_token_axis(dataset, std::vector<std::int64_t>(n, 17),
                 std::vector<std::string>(n,
                                          "\xE2\x96\x81"
                                          "the"));
  add_layer_axis(dataset, 2);
  dataset.add(numbers("entropy", {"layer", "token"}, at::full({3, n_tokens}, value), "nats"));
  dataset.receipts = {make_receipt("last_layer_equals_logits", value * 1e-6, 1e-5)};
  return dataset;
}

CaseCosts took(double seconds) {
  CaseCosts costs;
  costs.whole.seconds = seconds;
  return costs;
}

std::map<std::string, Dataset> saved(std::int64_t index) {
  return {{"lens", lens(2 + index, static_cast<float>(index))}};
}

SealResult seal(RunWriter& writer) {
  return writer.seal({},
                     {{17,
                       "\xE2\x96\x81"
                       "the"}},
                     {}, {{"version", "0.1.0"}, {"threads", 2}}, {{"host", "somewhere"}});
}

SealResult run_whole(const std::filesystem::path& out, int cases = 3) {
  RunWriter writer = RunWriter::start(out, plan_of(cases), false);
  for (int i = 0; i < cases; ++i) writer.commit(i, saved(i), took(0.5 + i));
  return seal(writer);
}

/// The only file of units that a writer has not finished.
std::filesystem::path part_of(const std::filesystem::path& run) {
  return part_files(run).at(0);
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(RunWriter, LeavesTheArchiveAndItsSidecarOnly) {
  const TempDir folder;
  const SealResult result = run_whole(folder / "facts.h5");
  EXPECT_EQ(files_in(folder.path()),
            (std::vector<std::filesystem::path>{folder / "facts.h5", folder / "facts.h5.sha256"}));
  EXPECT_NE(slurp(folder / "facts.h5.sha256").find(result.digests.seal), std::string::npos);
}

TEST(RunWriter, ReadsBackWhatACaseSaved) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(3), false);
  writer.commit(1, saved(1), {});
  const Dataset read = writer.read(1, "lens");
  EXPECT_TRUE(read["entropy"].tensor.equal(at::ones({3, 3})));
  EXPECT_EQ(read.receipts.at(0).name, "last_layer_equals_logits");
  EXPECT_EQ(writer.names(1), std::vector<std::string>{"lens"});
  EXPECT_EQ(writer.done(), std::vector<std::int64_t>{1});
  EXPECT_THROW(writer.read(0, "lens"), UsageError);
  EXPECT_THROW(writer.read(1, "lense"), UsageError);
}

TEST(RunWriter, CollectsTheTokenIdsOfResults) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(1), false);
  Dataset dataset = lens(2, 0);
  Variable top = numbers("top_id", {"layer", "token"}, at::full({3, 2}, 5, at::kInt));
  top.holds = Holds::token_ids;
  dataset.add(top);
  writer.commit(0, {{"lens", dataset}}, {});
  EXPECT_EQ(writer.token_ids(), (std::vector<std::int64_t>{5, 17}));
}

TEST(RunWriter, GivesEqualDigestsForEqualRunsElsewhereAndLater) {
  const TempDir first, second;
  const SealResult a = run_whole(first / "a.h5");
  const SealResult b = run_whole(second / "other_name.h5");
  EXPECT_EQ(a.digests.results, b.digests.results);
  EXPECT_EQ(a.digests.recipe, b.digests.recipe);
  EXPECT_EQ(a.digests.environment, b.digests.environment);
  EXPECT_EQ(a.digests.seal, b.digests.seal);
  EXPECT_EQ(slurp(a.path), slurp(b.path));
}

TEST(RunWriter, GivesOtherDigestsForOtherResults) {
  const TempDir folder;
  const SealResult a = run_whole(folder / "a.h5");
  RunWriter writer = RunWriter::start(folder / "b.h5", plan_of(3), false);
  for (int i = 0; i < 3; ++i) writer.commit(i, {{"lens", lens(2 + i, 9)}}, took(0.5 + i));
  const SealResult b = seal(writer);
  EXPECT_NE(a.digests.results, b.digests.results);
  EXPECT_EQ(a.digests.recipe, b.digests.recipe);
}

TEST(RunWriter, WritesEqualUnitsByteForByte) {
  const TempDir first, second;
  std::vector<std::string> contents;
  for (const TempDir* folder : {&first, &second}) {
    RunWriter writer = RunWriter::start(*folder / "facts.h5", plan_of(1), false);
    writer.commit(0, saved(0), took(1.5));
    contents.push_back(slurp(part_of(*folder / "facts.run")));
  }
  EXPECT_GT(contents[0].size(), 500u);
  EXPECT_EQ(contents[0], contents[1]);
}

TEST(RunWriter, ResumesToTheDigestsOfAnUninterruptedRun) {
  const TempDir folder;
  const SealResult whole = run_whole(folder / "whole.h5");
  {
    RunWriter writer = RunWriter::start(folder / "parts.h5", plan_of(3), false);
    writer.commit(2, saved(2), took(2.5));
    writer.commit_failure(1, "out of memory", {});
  }
  RunWriter writer = RunWriter::start(folder / "parts.h5", plan_of(3), true);
  EXPECT_EQ(writer.done(), std::vector<std::int64_t>{2});
  writer.commit(1, saved(1), took(1.5));
  writer.commit(0, saved(0), took(0.5));
  const SealResult resumed = seal(writer);
  EXPECT_EQ(resumed.digests.results, whole.digests.results);
  EXPECT_EQ(resumed.digests.seal, whole.digests.seal);
}

TEST(RunWriter, KeepsWhatAFailedCaseCost) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(2), false);
  writer.commit_failure(0, "out of memory", took(7.25));
  writer.commit(1, saved(1), took(1.5));
  seal(writer);
  const Dataset costs = ArchiveReader(folder / "facts.h5").costs();
  EXPECT_EQ(costs["case"].tensor[0].item<int>(), 0);
  EXPECT_EQ(costs["case_seconds"].tensor[0].item<double>(), 7.25);
  EXPECT_EQ(costs["case_seconds"].tensor[1].item<double>(), 1.5);
}

TEST(RunWriter, RefusesAnArchiveThatExists) {
  const TempDir folder;
  run_whole(folder / "facts.h5");
  EXPECT_THROW(RunWriter::start(folder / "facts.h5", plan_of(3), false), UsageError);
  EXPECT_THROW(RunWriter::start(folder / "facts.h5", plan_of(3), true), UsageError);
}

TEST(RunWriter, RefusesAnInterruptedRunWithoutResume) {
  const TempDir folder;
  { RunWriter::start(folder / "facts.h5", plan_of(3), false); }
  EXPECT_THROW(RunWriter::start(folder / "facts.h5", plan_of(3), false), UsageError);
}

TEST(RunWriter, NamesWhatDiffersWhenAnotherRequestIsResumed) {
  const TempDir folder;
  { RunWriter::start(folder / "facts.h5", plan_of(3), false); }
  RunPlan other = plan_of(3);
  other.request["seed"] = 8;
  try {
    RunWriter::start(folder / "facts.h5", other, true);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("/request/seed was 7, now 8"), std::string::npos)
        << error.what();
  }
}

TEST(RunWriter, RefusesARunThatAnotherWriterHolds) {
  const TempDir folder;
  const RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(3), false);
  EXPECT_THROW(RunWriter::start(folder / "facts.h5", plan_of(3), true), UsageError);
}

TEST(RunWriter, RefusesToSealWhileCasesAreMissing) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(3), false);
  writer.commit(0, saved(0), {});
  EXPECT_THROW(seal(writer), UsageError);
  EXPECT_FALSE(std::filesystem::exists(folder / "facts.h5"));
}

TEST(RunWriter, RecordsAFailedCaseAndKeepsTheOthers) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(2), false);
  writer.commit_failure(0, "tool 'logit_lens': out of memory", {});
  writer.commit(1, saved(1), {});
  const ArchiveReader archive(seal(writer).path);
  EXPECT_EQ(archive.cases().at(0).status, CaseStatus::failed);
  EXPECT_EQ(archive.cases().at(0).error, "tool 'logit_lens': out of memory");
  EXPECT_EQ(archive.cases().at(1).status, CaseStatus::complete);
  EXPECT_TRUE(archive.read("lens")["case"].tensor.equal(at::ones({3}, at::kInt)));
}

TEST(RunWriter, LeavesNothingOfACaseWhenTheDiskIsFull) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(1), false);
  {
    const testing::FileSizeLimit limit(300);
    EXPECT_THROW(writer.commit(0, saved(0), {}), RunError);
  }
  EXPECT_TRUE(writer.done().empty());
  EXPECT_EQ(slurp(part_of(folder / "facts.run")), "");
  EXPECT_TRUE(files_in(folder / "facts.run/tmp").empty());
  writer.commit(0, saved(0), {});
  EXPECT_EQ(writer.done().size(), 1u);
}

TEST(RunWriter, KeepsTheUnitsWhenTheDiskIsFullAtTheSeal) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(1), false);
  writer.commit(0, saved(0), {});
  {
    const testing::FileSizeLimit limit(2000);
    EXPECT_THROW(seal(writer), RunError);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "facts.h5"));
  EXPECT_NO_THROW(seal(writer));
}

TEST(RunWriter, RefusesADatasetThatCannotBeJoinedWithEarlierOnes) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(2), false);
  writer.commit(0, saved(0), {});
  Dataset other;
  add_token_axis(other, {1}, {"a"});
  EXPECT_THROW(writer.commit(1, {{"lens", other}}, {}), UsageError);
}

TEST(Archive, HoldsTheRecipeReceiptsVocabularyAndEnvironment) {
  const TempDir folder;
  const ArchiveReader archive(run_whole(folder / "facts.h5").path);
  EXPECT_EQ(archive.attribute("experiment"), "fact_recall");
  EXPECT_TRUE(archive.complete());
  EXPECT_EQ(archive.request()["seed"], 7);
  EXPECT_EQ(archive.source(), "class FactRecall {};\n");
  EXPECT_EQ(archive.recipe()["file_name"].strings.at(0), "model.safetensors");
  EXPECT_EQ(archive.environment()["threads"], 2);
  EXPECT_EQ(archive.run()["host"], "somewhere");
  EXPECT_EQ(archive.vocabulary()["text"].strings.at(0),
            "\xE2\x96\x81"
            "the");
  EXPECT_EQ(archive.names(), std::vector<std::string>{"lens"});
  ASSERT_EQ(archive.receipts().size(), 1u);
  EXPECT_EQ(archive.receipts()[0].case_number, 2);
  EXPECT_THROW(archive.read("attribution"), InputError);
}

TEST(Archive, KeepsRawBytesOfTokensThatAreNoText) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "facts.h5", plan_of(1), false);
  writer.commit(0, saved(0), {});
  const SealResult result = writer.seal({}, {{17, "<0xFF>"}}, {{17, std::string("\xFF\0", 2)}},
                                        nlohmann::json::object(), nlohmann::json::object());
  const Dataset vocabulary = ArchiveReader(result.path).vocabulary();
  EXPECT_EQ(vocabulary["raw_id"].tensor[0].item<int>(), 17);
  EXPECT_TRUE(vocabulary["raw_bytes"].tensor.equal(at::tensor({255, 0}, at::kByte)));
}

TEST(Archive, RefusesWhatIsNoArchive) {
  const TempDir folder;
  EXPECT_THROW(ArchiveReader(folder / "missing.h5"), InputError);
  EXPECT_THROW(ArchiveReader(folder.path()), InputError);
  std::ofstream(folder / "text.h5") << "no HDF5";
  EXPECT_THROW(ArchiveReader(folder / "text.h5"), InputError);
  run_whole(folder / "facts.h5");
  std::filesystem::resize_file(folder / "facts.h5", 3000);
  EXPECT_THROW(ArchiveReader(folder / "facts.h5"), InputError);
}

TEST(Verify, FindsAnIntactArchiveIntact) {
  const TempDir folder;
  const SealResult result = run_whole(folder / "facts.h5");
  const VerifyResult verified = verify_archive(result.path, result.digests.seal);
  EXPECT_TRUE(verified.intact);
  EXPECT_TRUE(verified.complete);
  EXPECT_TRUE(verified.findings.empty());
  const auto other = verify_archive(result.path, std::string(64, '0'));
  EXPECT_TRUE(other.intact);
  EXPECT_FALSE(other.expected);
}

TEST(Verify, TakesTheDigestOfTheSealOrOfTheResultsAndSaysWhich) {
  const TempDir folder;
  const SealResult sealed = run_whole(folder / "facts.h5");
  EXPECT_EQ(verify_archive(sealed.path, sealed.digests.seal).matched, "seal");
  EXPECT_EQ(verify_archive(sealed.path, sealed.digests.results).matched, "results");
  EXPECT_EQ(verify_archive(sealed.path).matched, "");
}

TEST(Verify, RefusesADigestThatArchivesWithOtherResultsHaveToo) {
  const TempDir folder;
  const SealResult sealed = run_whole(folder / "facts.h5");
  const auto by_environment = verify_archive(sealed.path, sealed.digests.environment);
  EXPECT_TRUE(by_environment.intact);
  EXPECT_FALSE(by_environment.expected);
  EXPECT_NE(by_environment.findings.at(0).find("/environment"), std::string::npos);
  EXPECT_FALSE(verify_archive(sealed.path, sealed.digests.recipe).expected);
}

TEST(Archive, HasNumbersOnTheDimensionsOfItsTables) {
  const TempDir folder;
  const Dataset recipe = ArchiveReader(run_whole(folder / "facts.h5").path).recipe();
  EXPECT_TRUE(recipe["file"].tensor.equal(at::zeros({1}, at::kInt)));
  EXPECT_TRUE(recipe["plugin"].tensor.equal(at::zeros({1}, at::kInt)));
  EXPECT_TRUE(recipe["prompt_token"].tensor.equal(at::arange(9, at::kInt)));  // 2 + 3 + 4
}

TEST(Verify, FindsAChangedTextDamaged) {
  const TempDir folder;
  run_whole(folder / "facts.h5");
  std::string bytes = slurp(folder / "facts.h5");
  const auto at = bytes.find("prompt 1");
  ASSERT_NE(at, std::string::npos);
  bytes[at + 7] = '9';
  std::ofstream(folder / "facts.h5", std::ios::binary) << bytes;
  const VerifyResult verified = verify_archive(folder / "facts.h5");
  EXPECT_FALSE(verified.intact);
  EXPECT_NE(verified.findings.at(0).find("/recipe is damaged"), std::string::npos);
}

}  // namespace
}  // namespace lensbench
