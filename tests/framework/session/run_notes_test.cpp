#include "session/run_notes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <span>

#include "support/changed_checkpoint.hpp"

namespace lensbench {
namespace {

using lensbench::testing::ChangedCheckpoint;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Parameters generating(const std::string& tokens) {
  static constexpr std::array<ParameterSpec, 1> known = {
      {{"max_new_tokens", ParameterType::integer, "0", "tokens", "number of tokens", "[0, inf)"}}};
  return Parameters::resolve(std::span<const ParameterSpec>(known), {{"max_new_tokens", tokens}},
                             "tool 'test'");
}

std::vector<CasePlan> cases_of(const std::vector<std::int64_t>& lengths) {
  std::vector<CasePlan> cases;
  for (const auto length : lengths)
    cases.push_back({.id = "case-" + std::to_string(cases.size()),
                     .text = "",
                     .n_tokens = length,
                     .ids_sha256 = ""});
  return cases;
}

// The limit of the sample is 16 tokens, at which transformers still takes the short factors.
TEST(RunNotes, SayWhichFactorsOfLongropeEachCaseHas) {
  const auto model = ChangedCheckpoint("phi3-longrope-long").open();
  EXPECT_THAT(notes_on_run(*model, {}, cases_of({16, 17, 20})),
              ElementsAre("rotary scaling longrope: 1 case of at most 16 tokens rotates by "
                          "short_factor; 2 cases of more than 16 tokens rotate by long_factor"));
  // Only 3 of 4 new tokens are run: 13 + 3 tokens are not beyond the limit, 14 + 3 are.
  EXPECT_THAT(notes_on_run(*model, generating("4"), cases_of({13, 14})),
              ElementsAre("rotary scaling longrope: 2 cases of at most 16 tokens rotate by "
                          "short_factor; 1 case that may grow beyond 16 tokens changes to "
                          "long_factor there"));
}

TEST(RunNotes, AreSilentAboutFactorsThatAreTheSameAtAnyLength) {
  const auto model = ChangedCheckpoint("phimoe-longrope").open();
  EXPECT_THAT(notes_on_run(*model, {}, cases_of({10, 24})), IsEmpty());
}

TEST(RunNotes, SayThatInterventionsDoNotActOnOtherModels) {
  static constexpr std::array<ParameterSpec, 2> known = {
      {{"tuned", ParameterType::model, "", "", "another model"},
       {"checkpoints", ParameterType::models, "", "", "more models"}}};
  const auto model = ChangedCheckpoint("llama").open();
  const auto notes = [&](const Settings& given, std::size_t interventions) {
    return notes_on_run(
        *model,
        Parameters::resolve(std::span<const ParameterSpec>(known), given, "experiment 'test'"),
        cases_of({5}), interventions);
  };
  EXPECT_THAT(
      notes({{"tuned", "a"}}, 1),
      ElementsAre("interventions act on the model of the run alone, not on those of 'tuned'"));
  EXPECT_THAT(notes({{"tuned", "a"}}, 0), IsEmpty());
  EXPECT_THAT(notes({}, 1), IsEmpty());
}

TEST(RunNotes, AreAbsentWithoutAReason) {
  EXPECT_THAT(notes_on_run(*ChangedCheckpoint("llama").open(), generating("4"), cases_of({5})),
              IsEmpty());
}

TEST(RunNotes, NameSettingsOfGenerationOnlyIfTokensAreGenerated) {
  const ChangedCheckpoint checkpoint("llama");
  const std::string folder = checkpoint.write();
  std::ofstream(folder + "/generation_config.json") << R"({"repetition_penalty":1.2})";
  const auto model = Model::open(folder);
  EXPECT_THAT(notes_on_run(*model, generating("0"), cases_of({5})), IsEmpty());
  EXPECT_THAT(notes_on_run(*model, {}, cases_of({5})), IsEmpty());
  EXPECT_THAT(notes_on_run(*model, generating("1"), cases_of({5})),
              ElementsAre(HasSubstr("repetition_penalty 1.2")));
}

TEST(RunNotes, NameTheFirstCaseThatIsLongerThanTheModelWasMadeFor) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.config["max_position_embeddings"] = 4;
  EXPECT_THAT(
      notes_on_run(*checkpoint.open(), {}, cases_of({4, 5, 6})),
      ElementsAre("2 cases are longer than the 4 positions that the model was made for; the "
                  "first is 'case-1' with 5 tokens"));
}

// A case beyond a table of positions cannot run, and fails with that reason.
TEST(RunNotes, DoNotNameACaseThatATableOfPositionsEnds) {
  ChangedCheckpoint checkpoint("gpt2");
  const auto model = checkpoint.open();
  EXPECT_THAT(notes_on_run(*model, {}, cases_of({model->spec().max_positions + 1})), IsEmpty());
}

}  // namespace
}  // namespace lensbench
