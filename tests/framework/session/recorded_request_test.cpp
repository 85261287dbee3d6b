#include "session/recorded_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/session/session_fixture.hpp"
#include "support/error_matchers.hpp"

// What an archive says was asked, as a request that can be made again.

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::Pair;
using testing::TempDir;

RecordedRun recorded() {
  return {
      "a.h5",
      {{"kind", "experiment"},
       {"name", "uses_odd"},
       {"parameters", {{"how", "well"}, {"other", "step-400"}}},
       {"dtype", "bfloat16"},
       {"device", "cpu"},
       {"seed", 18446744073709551615u},
       {"interventions",
        json::array({{{"hook", "blocks.0.hook_resid_post"}, {"action", "add"}, {"value", 0.5}}})},
       {"case_fields", {{"b", {{"target", " God"}}}}}},
      {{"threads", 3}},
      {{"model_directory", "/models/then"}, {"other_models", {{"other", "/models/step-400"}}}},
      {{"a", "And", 1, {5}, CaseStatus::complete, ""},
       {"b", "", 2, {7, 9}, CaseStatus::complete, ""}},
      {{"weights", "model.safetensors", std::string(64, 'a'), 7},
       {"prompts", "prompts.txt", std::string(64, 'b'), 5}}};
}

RunRequest request_of(const RecordedRun& run, const std::string& model = "m") {
  return recorded_request(run, model, [](const std::string& warning) { ADD_FAILURE() << warning; });
}

TEST(RecordedRequest, AsksWhatWasAsked) {
  const RunRequest request = request_of(recorded());
  EXPECT_EQ(request.kind, PluginEntryKind::experiment);
  EXPECT_EQ(request.name, "uses_odd");
  EXPECT_EQ(request.dtype, "bfloat16");
  EXPECT_EQ(request.device, "cpu");
  EXPECT_EQ(request.seed, 18446744073709551615u);
  EXPECT_EQ(request.threads, 3);
  EXPECT_EQ(request.interventions.size(), 1u);
}

TEST(RecordedRequest, IsOfAToolWhereOneRanAlone) {
  RecordedRun run = recorded();
  run.request["kind"] = "tool";
  EXPECT_EQ(request_of(run).kind, PluginEntryKind::tool);
}

TEST(RecordedRequest, TakesOtherModelsFromWhereTheyWereSinceTheRequestHasTheirNamesAlone) {
  EXPECT_THAT(request_of(recorded()).set,
              ElementsAre(Pair("how", "well"), Pair("other", "/models/step-400")));
}

TEST(RecordedRequest, IsOfTheModelThatIsGiven) {
  EXPECT_EQ(request_of(recorded(), "given").model, "given");
}

TEST(RecordedRequest, IsOfTheRecordedModelIfItIsNotFoundElsewhere) {
  EXPECT_EQ(request_of(recorded(), "").model, "/models/then");
}

TEST(RecordedRequest, SaysWhereTheModelIsNowIfItWasMoved) {
  const TempDir folder;
  const auto file = folder.write("moved/model.safetensors", "weights");
  RecordedRun run = recorded();
  run.files = {testing::record_of("weights", file)};
  run.run["model_directory"] = (folder / "then").string();
  std::vector<std::string> warnings;
  const auto request =
      recorded_request(run, "", [&](const std::string& sentence) { warnings.push_back(sentence); });
  EXPECT_EQ(request.model, (folder / "moved").string());
  EXPECT_THAT(warnings, ElementsAre(AllOf(HasSubstr((folder / "then").string()),
                                          HasSubstr((folder / "moved").string()))));
}

TEST(RecordedRequest, LooksForPluginsNowhereThatAnArchiveSays) {
  RecordedRun run = recorded();
  run.run["plugin_directories"] = {"/tmp/evil"};
  const PluginSearch search = request_of(run).plugins;
  EXPECT_THAT(search.dirs, IsEmpty());
  EXPECT_THAT(search.pins, IsEmpty());
  EXPECT_FALSE(search.allow_insecure);
}

TEST(RecordedRequest, NamesWhatIsMissing) {
  for (const char* field : {"kind", "name", "parameters", "dtype", "device", "seed"}) {
    RecordedRun run = recorded();
    run.request.erase(field);
    EXPECT_THAT(message_of<InputError>([&] { request_of(run); }),
                AllOf(HasSubstr("a.h5/recipe/request"), HasSubstr(field)));
  }
}

TEST(RecordedRequest, RefusesFieldsOfAnotherType) {
  for (const char* field :
       {"kind", "name", "parameters", "dtype", "device", "seed", "interventions"}) {
    RecordedRun run = recorded();
    run.request[field] = json::array({json::array()});
    EXPECT_THAT(message_of<InputError>([&] { request_of(run); }), HasSubstr("a.h5/recipe/request"))
        << field;
  }
  RecordedRun run = recorded();
  run.environment["threads"] = "three";
  EXPECT_THROW(request_of(run), InputError);
}

TEST(RecordedCases, HaveTextsOrIdsAndTheirFields) {
  const auto cases = recorded_cases(recorded());
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].id, "a");
  EXPECT_EQ(cases[0].text, "And");
  EXPECT_THAT(cases[0].ids, IsEmpty());  // the text is tokenized again
  EXPECT_THAT(cases[0].fields, IsEmpty());
  EXPECT_EQ(cases[1].text, "");
  EXPECT_THAT(cases[1].ids, ElementsAre(7, 9));
  EXPECT_THAT(cases[1].fields, ElementsAre(Pair("target", " God")));
}

TEST(RecordedCases, RefuseFieldsOfAnotherType) {
  RecordedRun run = recorded();
  run.request["case_fields"] = {{"b", 5}};
  EXPECT_THAT(message_of<InputError>([&] { recorded_cases(run); }),
              HasSubstr("a.h5/recipe/request"));
  run.request["case_fields"] = "none";
  EXPECT_THROW(recorded_cases(run), InputError);
}

TEST(RecordedCases, HaveTheFieldsThatTheRecipeHoldsByCase) {
  RecordedRun run = recorded();
  run.request.erase("case_fields");
  run.cases[0].fields = "{}";
  run.cases[1].fields = R"({"note":"two","target":" God"})";
  const auto cases = recorded_cases(run);
  EXPECT_THAT(cases[0].fields, IsEmpty());
  EXPECT_THAT(cases[1].fields, ElementsAre(Pair("note", "two"), Pair("target", " God")));
}

TEST(RecordedCases, RefuseARecipeWhoseFieldsAreOfAnotherForm) {
  for (const char* fields : {"[1]", "5", R"({"target":5})", "{"}) {
    RecordedRun run = recorded();
    run.request.erase("case_fields");
    run.cases[1].fields = fields;
    EXPECT_THAT(message_of<InputError>([&] { recorded_cases(run); }),
                HasSubstr("a.h5/recipe/fields of case 'b'"))
        << fields;
  }
}

TEST(RecordedInputs, AreTheFilesThatAreOfNoModel) {
  const auto inputs = recorded_inputs(recorded());
  ASSERT_EQ(inputs.size(), 1u);
  EXPECT_EQ(inputs[0].name, "prompts.txt");
}

}  // namespace
}  // namespace lensbench
