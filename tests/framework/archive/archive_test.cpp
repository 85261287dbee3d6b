#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <lensbench/archive.hpp>
#include <lensbench/error.hpp>
#include <string>
#include <utility>

#include "archive/run/run_writer.hpp"
#include "support/archives.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// What C++ programs read from an archive.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::Pair;
using testing::TempDir;

/// An archive of two cases, changed by the plain HDF5 library.
template <class Change>
std::string changed(const TempDir& folder, Change&& change) {
  const std::string path = folder / "a.h5";
  testing::write_small_archive(path, 2);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  change(file);
  H5Fclose(file);
  return path;
}

TEST(Archive, HasWhatTheRunStored) {
  const TempDir folder;
  testing::write_small_archive(folder / "a.h5", 2);
  const Archive archive(folder / "a.h5");
  EXPECT_EQ(archive.path(), folder / "a.h5");
  EXPECT_EQ(archive.format(), 2);
  EXPECT_EQ(archive.attributes().at("experiment"), Attribute(std::string("look")));
  EXPECT_EQ(archive.request(), R"({"seed":1})");
  EXPECT_THAT(archive.names(), ElementsAre("lens"));
  const Dataset lens = archive.read("lens");
  EXPECT_TRUE(at::equal(lens["case"].tensor, at::tensor({0, 1, 1}, at::kInt)));
  EXPECT_TRUE(at::equal(lens["entropy"].tensor, at::tensor({1.5F, 1.5F, 2.5F}, at::kFloat)));
  EXPECT_NO_THROW(archive.verify());
}

TEST(Archive, HasCasesWithTheirOutcome) {
  const TempDir folder;
  RunPlan plan;
  plan.request = nlohmann::json::object();
  plan.cases = {{"text", "In", 1, "1f", {17}, {{"target", " God"}}}, {"ids", "", 2, "2f", {3, 4}}};
  RunWriter writer = RunWriter::start(folder / "a.h5", plan, false);
  writer.commit(0, {}, {});
  writer.commit_failure(1, "no answer", {});
  writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
  const auto cases = Archive(folder / "a.h5").cases();
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].id, "text");
  EXPECT_EQ(cases[0].text, "In");
  EXPECT_THAT(cases[0].ids, ElementsAre(17));
  EXPECT_THAT(cases[0].fields, ElementsAre(Pair("target", " God")));
  EXPECT_EQ(cases[0].status, CaseStatus::complete);
  EXPECT_EQ(cases[0].error, "");
  EXPECT_EQ(cases[1].text, "");
  EXPECT_THAT(cases[1].ids, ElementsAre(3, 4));
  EXPECT_THAT(cases[1].fields, IsEmpty());
  EXPECT_EQ(cases[1].status, CaseStatus::failed);
  EXPECT_EQ(cases[1].error, "no answer");
}

TEST(Archive, OfFormat1IsRead) {
  const Archive archive(testing::data_folder() + "/archives/format_1.h5");
  EXPECT_EQ(archive.format(), 1);
  EXPECT_EQ(archive.cases().at(0).text, "In the");
  EXPECT_EQ(archive.read("logit_lens")["entropy"].units, "nats");
  EXPECT_NO_THROW(archive.verify());
}

TEST(Archive, CanBeMoved) {
  const TempDir folder;
  testing::write_small_archive(folder / "a.h5", 1);
  testing::write_small_archive(folder / "b.h5", 2);
  Archive archive(folder / "a.h5");
  archive = Archive(folder / "b.h5");
  const Archive moved = std::move(archive);
  EXPECT_EQ(moved.cases().size(), 2u);
}

TEST(Archive, NamesTheResultsThatItHas) {
  const TempDir folder;
  testing::write_small_archive(folder / "a.h5", 1);
  EXPECT_THAT(message_of<InputError>([&] { Archive(folder / "a.h5").read("lense"); }),
              AllOf(HasSubstr("'lense'"), HasSubstr("'lens'")));
}

TEST(Archive, RefusesWhatIsNotOne) {
  const TempDir folder;
  const std::string text = folder.write("a.h5", "not HDF5 at all");
  for (const std::string& path : {text, (folder / "missing.h5").string()})
    EXPECT_THAT(message_of<InputError>([&] { Archive{path}; }), HasSubstr(path));
}

TEST(Archive, RefusesHalfAFile) {
  const TempDir folder;
  testing::write_small_archive(folder / "a.h5", 2);
  const std::string bytes = testing::slurp(folder / "a.h5");
  folder.write("half.h5", bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(Archive{folder / "half.h5"}, InputError);
}

TEST(Archive, FindsAChangedNumberWhenItIsVerified) {
  const TempDir folder;
  const Archive archive(changed(folder, [](hid_t file) {
    const hid_t dataset = H5Dopen2(file, "/results/lens/entropy", H5P_DEFAULT);
    const float values[] = {1.5F, 1.5F, 9.0F};
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
  }));
  EXPECT_THAT(message_of<InputError>([&] { archive.verify(); }),
              AllOf(HasSubstr("a.h5: damaged"), HasSubstr("/results")));
}

TEST(Archive, ThrowsInputErrorWhereAPartIsMissing) {
  for (const char* part : {"/recipe/case_id", "/recipe/n_tokens", "/recipe/token_id",
                           "/units/error_text", "/units/status", "/units"}) {
    const TempDir folder;
    const Archive archive(changed(folder, [&](hid_t file) { H5Ldelete(file, part, H5P_DEFAULT); }));
    EXPECT_THAT(message_of<InputError>([&] { archive.cases(); }), HasSubstr("a.h5")) << part;
  }
  for (const char* part : {"/receipts", "/results"}) {
    const TempDir folder;
    const Archive archive(changed(folder, [&](hid_t file) { H5Ldelete(file, part, H5P_DEFAULT); }));
    EXPECT_THROW(archive.read("lens"), InputError) << part;
  }
  const TempDir folder;
  const Archive archive(
      changed(folder, [](hid_t file) { H5Ldelete(file, "/recipe/request", H5P_DEFAULT); }));
  EXPECT_THROW(archive.request(), InputError);
}

}  // namespace
}  // namespace lensbench
