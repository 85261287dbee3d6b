#include "session/recipe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "framework/session/session_fixture.hpp"
#include "session/run_session.hpp"
#include "support/folders.hpp"

// What a run was asked to do, as its archive will say it.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using testing::SessionFolders;
using testing::sha256sum;

TEST(ModelLabel, IsTheLastPartOfThePathInCharactersOfFileNames) {
  EXPECT_EQ(model_label("models/kjv-gpt2"), "kjv-gpt2");
  EXPECT_EQ(model_label("models/kjv-gpt2/"), "kjv-gpt2");
  EXPECT_EQ(model_label("models/kjv-gpt2/."), "kjv-gpt2");
  EXPECT_EQ(model_label("openai-community/gpt2@main"), "gpt2_main");
  EXPECT_EQ(model_label("Qwen2.5 0.5B"), "Qwen2.5_0.5B");
  EXPECT_EQ(model_label("modèle"), "mod__le");  // two bytes
  EXPECT_EQ(model_label(""), "model");
  EXPECT_EQ(model_label("/"), "model");
}

TEST(PromptsRecord, IsTheFilesNameWithItsDigestAndLength) {
  const testing::TempDir folder;
  const auto file = folder.write("some/prompts.txt", "And God said\n");
  const FileRecord record = prompts_record(file);
  EXPECT_EQ(record.role, "prompts");
  EXPECT_EQ(record.name, "prompts.txt");
  EXPECT_EQ(record.sha256, sha256sum(file));
  EXPECT_EQ(record.bytes, 13);
}

std::string source_of_fixture(const std::string& name) {
  return testing::slurp(testing::source_folder() + "/tests/fixtures/plugins/" + name);
}

class Plan : public ::testing::Test {
 protected:
  RunPlan plan_of(const RunRequest& request, const std::vector<CaseInput>& cases,
                  const std::vector<FileRecord>& inputs = {}) {
    RunSession session(request, {});
    session.prepare(cases, inputs);
    return session.plan();
  }
  RunRequest uses_odd() const { return folders.request(PluginEntryKind::experiment, "uses_odd"); }

  SessionFolders folders;
};

TEST_F(Plan, SaysWhatRunsInWhichVersionWithAllItsParameters) {
  const RunPlan plan = plan_of(uses_odd(), testing::cases_of_ids(2));
  EXPECT_EQ(plan.title, "uses_odd on gpt2, 2 cases");
  EXPECT_EQ(plan.experiment, "uses_odd");
  EXPECT_EQ(plan.experiment_version, "1.0.0");
  EXPECT_EQ(plan.source, source_of_fixture("odd_results.cpp"));
  EXPECT_EQ(plan.request["kind"], "experiment");
  EXPECT_EQ(plan.request["name"], "uses_odd");
  EXPECT_EQ(plan.request["version"], "1.0.0");
  EXPECT_EQ(plan.request["tools"], json({"odd"}));
  EXPECT_EQ(plan.request["parameters"], (json{{"how", "well"}}));  // its default
}

TEST_F(Plan, IsOfAToolWhereOneRunsAlone) {
  auto request = folders.request(PluginEntryKind::tool, "token_count");
  request.set["scale"] = "2";
  const RunPlan plan = plan_of(request, testing::cases_of_ids(1));
  EXPECT_EQ(plan.title, "token_count on gpt2, 1 case");
  EXPECT_EQ(plan.experiment_version, "1.2.3");
  EXPECT_EQ(plan.request["kind"], "tool");
  EXPECT_EQ(plan.request["tools"], json({"token_count"}));
  EXPECT_EQ(plan.request["parameters"], (json{{"scale", "2"}}));
}

TEST_F(Plan, SaysOfWhichModelComputedHow) {
  auto request = uses_odd();
  request.dtype = "bfloat16";
  request.seed = 18446744073709551615u;
  const RunPlan plan = plan_of(request, testing::cases_of_ids(1));
  const json& model = plan.request["model"];
  // The values are those of models/README.md.
  EXPECT_EQ(model["family"], "gpt2");
  EXPECT_EQ(model["n_layers"], 6);
  EXPECT_EQ(model["d_model"], 128);
  EXPECT_EQ(model["vocab_size"], 2048);
  json config = json::parse(testing::slurp(testing::kModel + "/config.json"));
  config.erase("_name_or_path");
  EXPECT_EQ(model["config"], config);
  EXPECT_EQ(plan.request["dtype"], "bfloat16");
  EXPECT_EQ(plan.request["device"], "cpu");
  EXPECT_EQ(plan.request["seed"], 18446744073709551615u);
}

TEST_F(Plan, LeavesOutWhereAConfigurationWasSaved) {
  const testing::TempDir folder;
  for (const auto& entry : fs::directory_iterator(testing::kModel))
    if (entry.is_regular_file()) fs::copy_file(entry, folder / entry.path().filename());
  json config = json::parse(testing::slurp(testing::kModel + "/config.json"));
  config["_name_or_path"] = "/somebody/s/folder";
  folder.write("config.json", config.dump());
  auto request = uses_odd();
  request.model = folder.path();
  EXPECT_FALSE(plan_of(request, testing::cases_of_ids(1))
                   .request["model"]["config"]
                   .contains("_name_or_path"));
}

TEST_F(Plan, HasEveryFileThatIsReadWithItsDigest) {
  const RunPlan plan = plan_of(uses_odd(), testing::cases_of_ids(1),
                               {{"prompts", "p.txt", std::string(64, 'a'), 5}});
  std::set<std::string> names;
  for (const FileRecord& file : plan.files) {
    names.insert(file.name);
    if (file.role == "prompts") continue;
    EXPECT_EQ(file.sha256, sha256sum(fs::path(testing::kModel) / file.name)) << file.name;
    EXPECT_EQ(file.bytes,
              static_cast<std::int64_t>(fs::file_size(fs::path(testing::kModel) / file.name)));
  }
  EXPECT_THAT(names, IsSupersetOf({"config.json", "model.safetensors", "tokenizer.json", "p.txt"}));
}

TEST_F(Plan, HasOneRecordOfALibraryWithAllOfItThatIsUsed) {
  const RunPlan plan = plan_of(uses_odd(), testing::cases_of_ids(1));
  ASSERT_EQ(plan.plugins.size(), 1u);
  EXPECT_EQ(plan.plugins[0].name, "odd_results");
  EXPECT_EQ(plan.plugins[0].entries, "uses_odd 1.0.0, odd 1.0.0");
  EXPECT_EQ(plan.plugins[0].sha256, sha256sum(folders.plugins / "odd_results.so"));
  EXPECT_EQ(plan.plugins[0].source, source_of_fixture("odd_results.cpp"));
}

// A library of one file has its text; one of several has a line before the text of each.
TEST_F(Plan, HasTheWholeSourceOfEveryLibrary) {
  testing::place(folders.plugins, "versioned_tool");
  testing::place(folders.plugins, "asks_now");
  const RunPlan plan =
      plan_of(folders.request(PluginEntryKind::experiment, "asks_now"), testing::cases_of_ids(1));
  ASSERT_EQ(plan.plugins.size(), 2u);
  EXPECT_EQ(plan.plugins[0].source,
            "// file: versioned_experiment.cpp\n" + source_of_fixture("versioned_experiment.cpp") +
                "// file: versioned.hpp\n" + source_of_fixture("versioned.hpp"));
  EXPECT_EQ(plan.plugins[0].source, plan.source);
  EXPECT_EQ(plan.plugins[1].source,
            "// file: versioned_tool.cpp\n" + source_of_fixture("versioned_tool.cpp") +
                "// file: versioned.hpp\n" + source_of_fixture("versioned.hpp"));
}

TEST_F(Plan, HasThePromptsWithTheDigestOfTheirIds) {
  const RunPlan plan =
      plan_of(uses_odd(), {{"ids", "", {5, 0, 17}, {}}, {"text", "And God said", {}, {}}});
  ASSERT_EQ(plan.cases.size(), 2u);
  EXPECT_EQ(plan.cases[0].id, "ids");
  EXPECT_EQ(plan.cases[0].text, "");
  EXPECT_EQ(plan.cases[0].n_tokens, 3);
  EXPECT_THAT(plan.cases[0].ids, ElementsAre(5, 0, 17));
  EXPECT_EQ(plan.cases[1].text, "And God said");
  EXPECT_EQ(plan.cases[1].n_tokens, std::ssize(plan.cases[1].ids));
  const testing::TempDir folder;
  EXPECT_EQ(plan.cases[0].ids_sha256, sha256sum(folder.write("ids", "5 0 17 ")));
}

TEST_F(Plan, HasAPromptThatCannotBeTokenizedWithoutIds) {
  auto request = uses_odd();
  request.model = testing::data_folder() + "/models/gpt2";  // has no tokenizer
  const RunPlan plan = plan_of(request, {{"a", "And God said", {}, {}}, {"b", "", {1, 2}, {}}});
  EXPECT_EQ(plan.cases[0].n_tokens, 0);
  EXPECT_EQ(plan.cases[0].ids_sha256, "");
  EXPECT_EQ(plan.cases[1].n_tokens, 2);
}

TEST_F(Plan, HasOtherFieldsOfCasesThatHaveSome) {
  const RunPlan plan =
      plan_of(uses_odd(), {{"a", "", {1}, {{"target", " God"}}}, {"b", "", {1}, {}}});
  using Fields = std::map<std::string, std::string>;
  EXPECT_EQ(plan.cases[0].fields, (Fields{{"target", " God"}}));
  EXPECT_EQ(plan.cases[1].fields, Fields());
  EXPECT_FALSE(plan.request.contains("case_fields"));
}

TEST_F(Plan, HasTheSecondPromptsOfCasesThatHaveOne) {
  const RunPlan plan =
      plan_of(uses_odd(), {{"text", "", {1}, {{"corrupted", "And God said"}}},
                           {"ids", "", {1}, {{"corrupted_ids", "5 0 17"}}},
                           {"none", "", {1}, {}},
                           {"both", "", {1}, {{"corrupted", "And"}, {"corrupted_ids", "5"}}},
                           {"same", "And God said", {}, {}}});
  EXPECT_EQ(plan.cases[0].corrupted_text, "And God said");
  EXPECT_EQ(plan.cases[0].corrupted_ids_sha256, plan.cases[4].ids_sha256);
  EXPECT_EQ(plan.cases[1].corrupted_text, "");
  const testing::TempDir folder;
  EXPECT_EQ(plan.cases[1].corrupted_ids_sha256, sha256sum(folder.write("ids", "5 0 17 ")));
  for (const std::size_t without : {2, 3}) {  // a case with both forms fails when it runs
    EXPECT_EQ(plan.cases[without].corrupted_text, "");
    EXPECT_EQ(plan.cases[without].corrupted_ids_sha256, "");
  }
}

TEST_F(Plan, HasASecondPromptThatCannotBeTokenizedWithoutIds) {
  auto request = uses_odd();
  request.model = testing::data_folder() + "/models/gpt2";  // has no tokenizer
  const RunPlan plan = plan_of(request, {{"a", "", {1}, {{"corrupted", "And God said"}}}});
  EXPECT_EQ(plan.cases[0].corrupted_text, "And God said");
  EXPECT_EQ(plan.cases[0].corrupted_ids_sha256, "");
}

TEST_F(Plan, HasInterventionsWhereThereAreSome) {
  auto request = uses_odd();
  EXPECT_FALSE(plan_of(request, testing::cases_of_ids(1)).request.contains("interventions"));
  request.interventions = interventions_from_json(
      R"([{"hook": "blocks.0.hook_resid_post", "action": "add", "value": 0.5}])", "test");
  const json interventions = plan_of(request, testing::cases_of_ids(1)).request["interventions"];
  ASSERT_EQ(interventions.size(), 1u);
  EXPECT_EQ(interventions[0]["hook"], "blocks.0.hook_resid_post");
  EXPECT_EQ(interventions[0]["value"], 0.5);
}

TEST_F(Plan, NamesAnotherModelAndItsFilesButNotItsPlace) {
  auto request = folders.request(PluginEntryKind::experiment, "model_comparison");
  const fs::path other = fs::path(testing::kModel) / "checkpoints/step-400";
  request.set["other"] = other;
  const RunPlan plan = plan_of(request, testing::cases_of_ids(1));
  EXPECT_EQ(plan.request["parameters"]["other"], "step-400");
  const auto weights =
      std::find_if(plan.files.begin(), plan.files.end(), [](const FileRecord& file) {
        return file.role.starts_with("other ") && file.name == "model.safetensors";
      });
  ASSERT_NE(weights, plan.files.end());
  EXPECT_EQ(weights->sha256, sha256sum(other / "model.safetensors"));
}

}  // namespace
}  // namespace lensbench
