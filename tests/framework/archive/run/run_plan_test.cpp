#include "archive/run/run_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <set>

#include "archive/archive_reader.hpp"
#include "archive/diff.hpp"
#include "archive/run/run_writer.hpp"
#include "support/temp_dir.hpp"

// What the key of a unit depends on, and where the fields of a case are recorded.

namespace lensbench {
namespace {

using testing::TempDir;

RunPlan with_fields(int cases) {
  RunPlan plan;
  plan.title = "fields, " + std::to_string(cases) + " cases";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", 1}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 10},
                {"prompts", "p.jsonl", std::string(64, 'b'), 20}};
  for (int i = 0; i < cases; ++i) {
    const std::string number = std::to_string(i);
    plan.cases.push_back(
        {"case" + number, "text " + number, 1, std::string(64, 'c'), {17}, {{"subject", number}}});
  }
  return plan;
}

/// Numbers of the cases whose keys differ between two plans.
std::set<std::size_t> changed_keys(const RunPlan& before, const RunPlan& after) {
  const auto old_keys = case_keys(before), new_keys = case_keys(after);
  std::set<std::size_t> changed;
  for (std::size_t i = 0; i < std::min(old_keys.size(), new_keys.size()); ++i)
    if (old_keys[i] != new_keys[i]) changed.insert(i);
  return changed;
}

TEST(CaseKeys, DifferBetweenCasesOfOneText) {
  RunPlan plan = with_fields(3);
  for (CasePlan& one : plan.cases) one = plan.cases[0];
  const auto keys = case_keys(plan);
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 3u);
}

TEST(CaseKeys, ChangeForTheCaseWhoseFieldChangedAlone) {
  RunPlan plan = with_fields(4);
  plan.cases[2].fields["subject"] = "another";
  plan.files[1].sha256 = std::string(64, 'd');  // the file of prompts has that field
  EXPECT_EQ(changed_keys(with_fields(4), plan), std::set<std::size_t>{2});
}

TEST(CaseKeys, ChangeForTheCaseWhoseSecondPromptChangedAlone) {
  RunPlan plan = with_fields(4);
  plan.cases[1].corrupted_text = "another";
  EXPECT_EQ(changed_keys(with_fields(4), plan), std::set<std::size_t>{1});
  RunPlan tokenized = plan;  // an equal text, but other tokens
  tokenized.cases[1].corrupted_ids_sha256 = std::string(64, 'e');
  EXPECT_EQ(changed_keys(plan, tokenized), std::set<std::size_t>{1});
}

TEST(CaseKeys, DoNotChangeWhereCasesAreAdded) {
  EXPECT_EQ(changed_keys(with_fields(4), with_fields(9)), std::set<std::size_t>{});
}

TEST(CaseKeys, ChangeWithTheModelAndTheRequest) {
  RunPlan plan = with_fields(2);
  plan.files[0].sha256 = std::string(64, 'd');
  EXPECT_EQ(changed_keys(with_fields(2), plan).size(), 2u);
  plan = with_fields(2);
  plan.request["seed"] = 2;
  EXPECT_EQ(changed_keys(with_fields(2), plan).size(), 2u);
}

TEST(Resume, NamesTheFieldThatDiffers) {
  const TempDir folder;
  { RunWriter::start(folder / "a.h5", with_fields(3), false); }
  RunPlan plan = with_fields(3);
  plan.cases[1].fields["subject"] = "another";
  try {
    RunWriter::start(folder / "a.h5", plan, true);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("/cases/1/fields/subject was \"1\", now \"another\""),
              std::string::npos)
        << error.what();
  }
}

ArchiveReader sealed_plan(const std::filesystem::path& path, const RunPlan& plan) {
  RunWriter writer = RunWriter::start(path, plan, false);
  for (std::size_t i = 0; i < plan.cases.size(); ++i)
    writer.commit(static_cast<std::int64_t>(i), {}, {});
  writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
  return ArchiveReader(path);
}

TEST(Recipe, HoldsTheFieldsOfEachCase) {
  const TempDir folder;
  RunPlan plan = with_fields(2);
  plan.cases[0].fields = {};
  const ArchiveReader archive = sealed_plan(folder / "a.h5", plan);
  EXPECT_EQ(archive.recipe()["fields"].strings,
            (std::vector<std::string>{"{}", R"({"subject":"1"})"}));
  EXPECT_EQ(archive.cases().at(1).fields, R"({"subject":"1"})");
}

TEST(Recipe, HoldsTheSecondPromptOfEachCase) {
  const TempDir folder;
  RunPlan plan = with_fields(2);
  plan.cases[1].corrupted_text = "another text";
  plan.cases[1].corrupted_ids_sha256 = std::string(64, 'e');
  const Dataset recipe = sealed_plan(folder / "a.h5", plan).recipe();
  EXPECT_EQ(recipe["corrupted_text"].strings, (std::vector<std::string>{"", "another text"}));
  EXPECT_EQ(recipe["corrupted_ids_sha256"].strings,
            (std::vector<std::string>{"", std::string(64, 'e')}));
}

TEST(Recipe, HoldsTheSourceOfEveryPlugin) {
  const TempDir folder;
  RunPlan plan = with_fields(1);
  plan.plugins = {{"lens", "1.0.0", std::string(64, 'd'), "lens 1.0.0", "class Lens {};\n"},
                  {"probe", "1.0.0", std::string(64, 'e'), "probe 1.0.0"}};
  EXPECT_EQ(sealed_plan(folder / "a.h5", plan).recipe()["plugin_source"].strings,
            (std::vector<std::string>{"class Lens {};\n", ""}));
}

TEST(DiffRecipe, NamesTheCaseOfAnotherSecondPrompt) {
  const TempDir folder;
  RunPlan plan = with_fields(2);
  plan.cases[1].corrupted_text = "then";
  const ArchiveReader archive = sealed_plan(folder / "a.h5", plan);
  EXPECT_TRUE(diff_recipe(archive, plan).empty());
  plan.cases[1].corrupted_text = "now";
  const auto differences = diff_recipe(archive, plan);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].where, "cases/case1/corrupted_text");
}

TEST(DiffRecipe, NamesTheCaseAndTheField) {
  const TempDir folder;
  RunPlan plan = with_fields(2);
  const ArchiveReader archive = sealed_plan(folder / "a.h5", plan);
  plan.cases[1].fields["subject"] = "another";
  const auto differences = diff_recipe(archive, plan);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].where, "cases/case1/fields/subject");
  EXPECT_EQ(differences[0].first, "\"1\"");
}

// Earlier versions stored the fields of all cases in the request.
TEST(DiffRecipe, FindsFieldsEqualThatAnEarlierVersionStoredInTheRequest) {
  const TempDir folder;
  RunPlan earlier = with_fields(2);
  for (CasePlan& one : earlier.cases) earlier.request["case_fields"][one.id] = one.fields;
  for (CasePlan& one : earlier.cases) one.fields = {};
  const ArchiveReader archive = sealed_plan(folder / "a.h5", earlier);
  EXPECT_TRUE(diff_recipe(archive, with_fields(2)).empty());
  EXPECT_FALSE(diff_recipe(archive, with_fields(1)).empty());
}

}  // namespace
}  // namespace lensbench
