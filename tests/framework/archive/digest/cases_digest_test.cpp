#include "archive/digest/cases_digest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <lensbench/error.hpp>
#include <set>
#include <string>

#include "archive/archive_reader.hpp"
#include "archive/digest/verify.hpp"
#include "archive/run/run_writer.hpp"
#include "support/archives.hpp"
#include "support/error_matchers.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

// By what archives over the same cases are recognised.

namespace lensbench {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::TempDir;

RunPlan two_cases() {
  RunPlan plan;
  plan.title = "cases";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", 1}};
  plan.cases = {{"a", "In", 1, "1f", {17}},
                {"b", "", 2, "2f", {17, 18}, {{"target", "x"}}, "On", "3f"}};
  return plan;
}

std::string digest_of(const RunPlan& plan) {
  const TempDir folder;
  RunWriter writer = RunWriter::start(folder / "a.h5", plan, false);
  for (std::size_t i = 0; i < plan.cases.size(); ++i)
    writer.commit(static_cast<std::int64_t>(i), {}, {});
  writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
  return ArchiveReader(folder / "a.h5").attribute("cases_sha256");
}

std::string text(const std::string& value) {
  return std::string(1, static_cast<char>(value.size())) + std::string(7, '\0') + value;
}

TEST(CasesDigest, IsWhatItsDocumentationSays) {
  const auto number = [](char value) { return value + std::string(7, '\0'); };
  std::string content = "\2" + number(2);
  content += text("a") + text("In") + number(1) + text("1f") + text("") + text("") + text("{}");
  content += text("b") + text("") + number(2) + text("2f") + text("On") + text("3f") +
             text(R"({"target":"x"})");
  const TempDir folder;
  EXPECT_EQ(digest_of(two_cases()),
            testing::run({"/usr/bin/sha256sum", folder.write("content", content).string()})
                .out.substr(0, 64));
}

TEST(CasesDigest, IsTheSameOfAnotherRequest) {
  RunPlan plan = two_cases();
  plan.request["seed"] = 2;
  plan.experiment = "another";
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 10}};
  EXPECT_EQ(digest_of(plan), digest_of(two_cases()));
}

TEST(CasesDigest, ChangesWithEveryPartOfACaseAndTheirOrder) {
  std::set<std::string> digests = {digest_of(two_cases())};
  const auto add = [&](const auto& change) {
    RunPlan plan = two_cases();
    change(plan.cases);
    digests.insert(digest_of(plan));
  };
  add([](auto& cases) { cases[1].id = "c"; });
  add([](auto& cases) { cases[0].text = "On"; });
  add([](auto& cases) { cases[1].ids_sha256 = "4f"; });
  add([](auto& cases) { cases[1].corrupted_text = "In"; });
  add([](auto& cases) { cases[1].corrupted_ids_sha256 = "4f"; });
  add([](auto& cases) { cases[1].fields["target"] = "y"; });
  add([](auto& cases) { std::swap(cases[0], cases[1]); });
  add([](auto& cases) { cases.pop_back(); });
  EXPECT_EQ(digests.size(), 9u);
}

/// Findings of `verify` after `change` by the plain HDF5 library.
template <class Change>
std::vector<std::string> findings_of_changed(Change&& change) {
  const TempDir folder;
  testing::write_small_archive(folder / "a.h5", 2);
  const hid_t file = H5Fopen((folder / "a.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  change(file);
  H5Fclose(file);
  return verify_archive(folder / "a.h5").findings;
}

TEST(CasesDigest, IsVerified) {
  const auto changed = findings_of_changed([](hid_t file) {
    const hid_t dataset = H5Dopen2(file, "/recipe/n_tokens", H5P_DEFAULT);
    const std::int64_t lengths[] = {2, 1};
    H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, lengths);
    H5Dclose(dataset);
  });
  EXPECT_THAT(changed, Contains(HasSubstr("the table of the cases in /recipe is damaged")));
  const auto missing =
      findings_of_changed([](hid_t file) { H5Ldelete(file, "/recipe/fields", H5P_DEFAULT); });
  EXPECT_THAT(missing, Contains("the table of the cases is damaged: /recipe/fields: is missing"));
  const auto unnamed = findings_of_changed([](hid_t file) { H5Adelete(file, "cases_sha256"); });
  EXPECT_THAT(unnamed, Contains(HasSubstr("stored is none")));
  const auto elsewhere = findings_of_changed(
      [](hid_t file) { H5Ldelete(file, "/results/lens/entropy", H5P_DEFAULT); });
  EXPECT_THAT(elsewhere, Not(Contains(HasSubstr("the table of the cases"))));
}

TEST(Verify, FindsFewerTokenIdsThanTheCasesState) {
  const TempDir folder;
  RunPlan plan = two_cases();
  plan.cases[0].n_tokens = 5;
  RunWriter writer = RunWriter::start(folder / "a.h5", plan, false);
  for (std::int64_t i = 0; i < 2; ++i) writer.commit(i, {}, {});
  writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
  const VerifyResult result = verify_archive(folder / "a.h5");
  EXPECT_FALSE(result.intact);
  EXPECT_THAT(result.findings, Contains(HasSubstr("found 3 token ids, but the cases state 7")));
}

TEST(CasesDigest, NeedsTheWholeTable) {
  EXPECT_THAT(message_of<InputError>([] { cases_digest(Dataset()); }), HasSubstr("case_id"));
}

}  // namespace
}  // namespace lensbench
