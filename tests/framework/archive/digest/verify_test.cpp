#include "archive/digest/verify.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <map>
#include <string>
#include <vector>

#include "archive/digest/digest.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/packs.hpp"
#include "archive/run/run_writer.hpp"
#include "archive/run/unfinished_run.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

// Where an archive is damaged, and how far a run has come that has none.

namespace lensbench {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::numbers;
using testing::TempDir;

RunPlan three_cases() {
  RunPlan plan;
  plan.title = "where";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", 1}};
  for (int i = 0; i < 3; ++i)
    plan.cases.push_back({"case" + std::to_string(i), "", i + 1, std::string(64, 'c'),
                          std::vector<std::int64_t>(static_cast<std::size_t>(i) + 1, 17)});
  return plan;
}

void commit(RunWriter& writer, std::int64_t index) {
  Dataset dataset;
  const auto n = static_cast<std::size_t>(index) + 1;
  add_token_axis(dataset, std::vector<std::int64_t>(n, 17), std::vector<std::string>(n, "In"));
  add_layer_axis(dataset, 1);
  dataset.add(numbers("entropy", {"layer", "token"},
                      at::full({2, index + 1}, static_cast<float>(index)), "nats"));
  dataset.add(numbers("rank", {"token"}, at::full({index + 1}, index), "1"));
  writer.commit(index, {{"lens", dataset}}, {});
}

std::string sealed_in(const TempDir& folder) {
  const std::string path = folder / "a.h5";
  RunWriter writer = RunWriter::start(path, three_cases(), false);
  for (std::int64_t i = 0; i < 3; ++i) commit(writer, i);
  writer.seal({}, {{17, "In"}}, {}, {{"threads", 1}}, {{"host", "here"}});
  return path;
}

/// Opens the archive with the plain HDF5 library and lets `change` at it.
template <class Change>
std::vector<std::string> findings_after(Change&& change) {
  const TempDir folder;
  const std::string path = sealed_in(folder);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  change(file);
  H5Fclose(file);
  const VerifyResult result = verify_archive(path);
  EXPECT_FALSE(result.intact);
  EXPECT_TRUE(result.complete);
  return result.findings;
}

/// Digests that the archive at `path` stores.
Digests digests_in(const std::string& path) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const Digests digests = stored_digests(file);
  H5Fclose(file);
  return digests;
}

std::string in_capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

TEST(VerifyExpects, TheDigestOfTheSealOrOfTheResultsInAnyCase) {
  const TempDir folder;
  const std::string path = sealed_in(folder);
  const Digests digests = digests_in(path);
  for (const std::string& seal : {digests.seal, in_capitals(digests.seal)}) {
    const VerifyResult result = verify_archive(path, seal);
    EXPECT_TRUE(result.expected);
    EXPECT_EQ(result.matched, "seal");
  }
  for (const std::string& results : {digests.results, in_capitals(digests.results)}) {
    const VerifyResult result = verify_archive(path, results);
    EXPECT_TRUE(result.expected);
    EXPECT_EQ(result.matched, "results");
  }
}

TEST(VerifyExpects, NotTheDigestsThatArchivesWithOtherResultsHaveToo) {
  const TempDir folder;
  const std::string path = sealed_in(folder);
  const Digests digests = digests_in(path);
  for (const auto& [part, digest] : std::map<std::string, std::string>{
           {"/recipe", digests.recipe}, {"/environment", digests.environment}}) {
    const VerifyResult result = verify_archive(path, digest);
    EXPECT_TRUE(result.intact);
    EXPECT_FALSE(result.expected);
    EXPECT_EQ(result.matched, "");
    EXPECT_THAT(result.findings,
                Contains(HasSubstr("is that of " + part +
                                   ", which archives with other results "
                                   "have too; give the digest of the seal or of the results")));
  }
}

TEST(VerifySaysWhere, OneNumberChanged) {
  // Tokens follow one another: column 1 is the first of case 1's two.
  const auto findings = findings_after([](hid_t file) {
    const hid_t dataset = H5Dopen2(file, "/results/lens/entropy", H5P_DEFAULT);
    std::vector<float> values(2 * 6);
    H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    values[6 + 1] = 9;
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(dataset);
  });
  EXPECT_THAT(findings, Contains("/results/lens/entropy differs from what was written"));
  EXPECT_THAT(findings, Contains("/results/lens of case 1 differs from what was written"));
  EXPECT_THAT(findings, Not(Contains(HasSubstr("case 0"))));
  EXPECT_THAT(findings, Not(Contains(HasSubstr("case 2"))));
  EXPECT_THAT(findings, Not(Contains(HasSubstr("/results/lens/rank"))));
  EXPECT_THAT(findings, Not(Contains(HasSubstr("/recipe"))));
}

/// Rows of 9,000,000 bytes along the axis of the cases, more than one part that is hashed at once.
constexpr std::int64_t kWide = 9'000'000;

std::string sealed_with_wide_rows(const TempDir& folder) {
  const std::string path = folder / "wide.h5";
  RunWriter writer = RunWriter::start(path, three_cases(), false);
  for (std::int64_t i = 0; i < 3; ++i) {
    Dataset dataset;
    const auto n = static_cast<std::size_t>(i) + 1;
    add_token_axis(dataset, std::vector<std::int64_t>(n, 17), std::vector<std::string>(n, "In"));
    add_layer_axis(dataset, 1);
    at::Tensor values = at::zeros({2, i + 1, kWide}, at::kChar);
    values.select(2, kWide - 1).fill_(i + 1);
    dataset.add(numbers("wide", {"layer", "token", "place"}, values, "1"));
    writer.commit(i, {{"lens", dataset}}, {});
  }
  writer.seal({}, {{17, "In"}}, {}, {{"threads", 1}}, {{"host", "here"}});
  return path;
}

/// Place after the last byte of the first chunk of a dataset.
haddr_t end_of_first_chunk(const std::string& path, const char* name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  haddr_t place = 0;
  hsize_t bytes = 0;
  const hid_t space = H5Dget_space(dataset);
  EXPECT_GE(H5Dget_chunk_info(dataset, space, 0, nullptr, nullptr, &place, &bytes), 0);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  return place + bytes;
}

TEST(Verify, FindsAChangedChecksumThoughTheValuesAreIntact) {
  // Other readers refuse a chunk whose checksum is wrong, and the digests do not cover checksums.
  const TempDir folder;
  const std::string path = sealed_with_wide_rows(folder);
  std::string bytes = testing::slurp(path);
  // The checksum is the last filter, so it is at the end of what is stored.
  bytes.at(end_of_first_chunk(path, "/results/lens/wide") - 1) ^= 1;
  std::ofstream(path, std::ios::binary) << bytes;
  bool damaged = false;
  try {
    damaged = !verify_archive(path).intact;
  } catch (const InputError&) {
    damaged = true;
  }
  EXPECT_TRUE(damaged);
}

TEST(VerifySaysWhere, RowsLargerThanAPart) {
  const TempDir folder;
  const std::string path = sealed_with_wide_rows(folder);
  EXPECT_TRUE(verify_archive(path).intact);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  // The digest that tests/parity/archive_digests.py computes, which reads the values at once.
  EXPECT_EQ(stored_digests(file).results,
            "0577a9a1f75eef0a38cbd15c9c8847bad4d63c52204d4d8f86fcc888e094e989");
  const hid_t dataset = H5Dopen2(file, "/results/lens/wide", H5P_DEFAULT);
  const hid_t space = H5Dget_space(dataset);
  // The last value of the first token of case 1, at the second layer.
  const std::array<hsize_t, 3> at = {1, 1, kWide - 1}, one = {1, 1, 1};
  H5Sselect_hyperslab(space, H5S_SELECT_SET, at.data(), nullptr, one.data(), nullptr);
  const hid_t memory = H5Screate(H5S_SCALAR);
  const signed char value = 9;
  EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_SCHAR, memory, space, H5P_DEFAULT, &value), 0);
  H5Sclose(memory);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  const VerifyResult result = verify_archive(path);
  EXPECT_FALSE(result.intact);
  EXPECT_THAT(result.findings, Contains("/results/lens/wide differs from what was written"));
  EXPECT_THAT(result.findings, Contains("/results/lens of case 1 differs from what was written"));
  EXPECT_THAT(result.findings, Not(Contains(HasSubstr("of case 0"))));
  EXPECT_THAT(result.findings, Not(Contains(HasSubstr("of case 2"))));
}

TEST(VerifySaysWhere, ADatasetIsGone) {
  const auto findings =
      findings_after([](hid_t file) { H5Ldelete(file, "/results/lens/rank", H5P_DEFAULT); });
  EXPECT_THAT(findings, Contains("/results/lens/rank is missing"));
}

TEST(VerifySaysWhere, SomethingWasAdded) {
  const auto findings = findings_after([](hid_t file) {
    const hid_t space = H5Screate(H5S_SCALAR);
    H5Dclose(H5Dcreate2(file, "/environment/more", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
  });
  EXPECT_THAT(findings, Contains("/environment/more was added"));
}

TEST(VerifySaysWhere, AnAttributeChanged) {
  const auto findings = findings_after([](hid_t file) {
    const hid_t group = H5Gopen2(file, "/environment", H5P_DEFAULT);
    const hid_t attribute = H5Aopen(group, "threads", H5P_DEFAULT);
    const std::int64_t threads = 2;
    H5Awrite(attribute, H5T_NATIVE_INT64, &threads);
    H5Aclose(attribute);
    H5Gclose(group);
  });
  EXPECT_THAT(findings, Contains("/environment differs from what was written"));
}

TEST(UnfinishedRun, IsCountedUnitByUnit) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "a.h5", three_cases(), false);
  commit(writer, 0);
  writer.commit_failure(1, "no answer", {});
  UnfinishedRun run = inspect_run(folder / "a.run");
  EXPECT_EQ(run.planned, 3U);
  EXPECT_EQ(run.complete, 1U);
  EXPECT_EQ(run.failed, 1U);
  EXPECT_EQ(run.damaged, 0U);

  const auto part = part_files(folder / "a.run").at(0);
  std::string bytes = testing::slurp(part);
  scan_frames(part, [&](const FrameHead&, std::uint64_t unit, const Bytes&) {
    bytes[unit + 9] = static_cast<char>(bytes[unit + 9] ^ 4);
  });
  folder.write(part, bytes);
  run = inspect_run(folder / "a.run");
  EXPECT_EQ(run.complete, 0U);
  EXPECT_EQ(run.damaged, 2U);
}

}  // namespace
}  // namespace lensbench
