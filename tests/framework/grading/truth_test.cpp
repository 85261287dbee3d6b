#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "core/files/sha256.hpp"
#include "grading/truth/component_name.hpp"
#include "grading/truth/truth_file.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/planted_model.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A truth with every block, about the model of `TruthFile`: one block of 2 heads, 3 neurons, 6
/// tokens.
json complete_truth() {
  return json::parse(R"({
    "format": "lensbench-truth/1", "name": "tiny", "summary": "for tests", "later": [1],
    "origin": {"kind": "wired", "generator": "tiny", "seed": 7, "gauge": "aligned", "leak": 0.5},
    "model": {"config_sha256": "", "weights_sha256": ""},
    "vocabulary": ["a", "b", "c", "d", "e", "f"],
    "components": [{"name": "L0H0", "kind": "head", "role": "mover"}],
    "neurons": [{"name": "L0N2", "role": "store"}],
    "readout": {"answer_layer": 1, "information_layer": null},
    "variables": [{"name": "v", "of": "x", "written_layer": null, "absent_layers": [0], "used": true}],
    "features": {"hook": "blocks.0.hook_resid_pre", "direction": [], "token_activation":
      [[], [], [], [], [], []], "constant": []},
    "tasks": [{"name": "swap", "summary": "s",
      "metric": {"kind": "logit_difference", "clean": [3, 4], "corrupted": [-1, -2]},
      "prompts": [{"ids": [0, 1, 2], "corrupted_ids": [0, 3, 2], "answer": 4, "foil": 5,
                   "position": 2, "sources": {"first": 1}},
                  {"ids": [0, 2, 2], "corrupted_ids": [0, 3, 1], "answer": 4, "foil": 5,
                   "position": 1, "sources": {}}],
      "membership": {"L0H0": "member", "L0H1": "none", "0_mlp_out": "ignored"},
      "effects": {"components": ["L0H0", "0_mlp_out"],
                  "values": {"total": [[1, 2], [0, 0.5]], "dla": [[3, 4], [5, 6]]}},
      "neuron_effects": [{"layer": 0, "total": [[1, 1], [0, 0], [2, 2], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]}],
      "edges": {"member": [{"source": "embed", "target": "L0H0", "slot": "v"}],
                "total": [["embed", "L0H0", "v", 2.5]], "count": 12},
      "readout": {"probability": [[0.1, 0.2], [0.9, 0.8]], "rank": [[3, 4], [1, 1]],
                  "rank_ties": [[1, 0], [0, 0]],
                  "first_correct_layer": [1, null]},
      "restore_grid": {"hook": "resid_pre", "values": [[0, 1, 0], [0, 0, 1]]},
      "distribution": {"entropy": [[1, 2], [0.5, 1]], "probability": [[0.1, 0.2], [0.3, 0.4]],
                       "surprisal": [[2.3, 1.6], [1.2, 0.9]]},
      "attention": [{"head": "L0H1", "keys": [1, 0], "mass": [1, 0.5], "causal": false}],
      "train": [{"ids": [1, 2], "label": 1, "position": 0}], "variable": "v"}]})");
}

/// A checkpoint of 1 block, 2 heads, 8 neurons and 6 tokens, and a truth about it.
class TruthFile : public ::testing::Test {
 protected:
  TruthFile() {
    lensbench::testing::PlantedShape shape;
    shape.n_heads = 2;
    shape.n_positions = 4;
    shape.n_neurons = 8;
    shape.vocabulary = {"a", "b", "c", "d", "e", "f"};
    lensbench::testing::PlantedModel(shape).write(folder_.path());
    truth_["model"]["config_sha256"] = sha256_file(folder_ / "config.json");
    truth_["model"]["weights_sha256"] = sha256_file(folder_ / "model.safetensors");
  }

  Truth read() const {
    folder_.write("truth.json", truth_.dump());
    return read_truth(folder_.path());
  }
  std::string refusal() const {
    return lensbench::testing::message_of<InputError>([&] { read(); });
  }

  lensbench::testing::TempDir folder_;
  json truth_ = complete_truth();
};

TEST(ComponentName, IsReadAndWrittenAlike) {
  for (const char* name : {"L0H1", "12_mlp_out", "3_attn_out", "L0N33"})
    EXPECT_EQ(component_name(parse_component(name).value()), name);
  for (const char* name : {"", "L", "LH", "L0", "L0H", "L0H1x", "L-1H0", "L00H1", "0_mlp", "mlp",
                           "_mlp_out", "L99999999999999999999H0"})
    EXPECT_FALSE(parse_component(name)) << name;
}

TEST_F(TruthFile, IsReadWithEveryField) {
  const Truth truth = read();
  EXPECT_EQ(truth.name, "tiny");
  EXPECT_EQ(truth.origin.seed, 7);
  EXPECT_EQ(truth.readout.answer_layer, 1);
  EXPECT_EQ(truth.readout.information_layer, std::nullopt);
  const Task& task = truth.tasks.at(0);
  EXPECT_EQ(task.prompts.at(0).sources.at("first"), 1);
  EXPECT_EQ(task.membership.at("0_mlp_out"), Membership::ignored);
  EXPECT_THAT(task.effects->values.at("dla")[1], ElementsAre(5, 6));
  EXPECT_EQ(task.edges->total.at(0).edge, (Edge{"embed", "L0H0", "v"}));
  EXPECT_EQ(task.readout->first_correct_layer, (std::vector<std::optional<std::int64_t>>{1, {}}));
  EXPECT_FALSE(task.attention.at(0).causal);
  EXPECT_EQ(task.train.at(0).label, 1);
  // (3 + 1 + 4 + 2) / 2
  EXPECT_EQ(gap_of(task), 5);
}

TEST_F(TruthFile, KeepsItsFieldsWhenItIsWrittenAgain) {
  const json first = to_json(read());
  EXPECT_EQ(to_json(parse_truth(first, "again")), first);
  // Fields that the reader knows have the values of the file.
  for (const char* key : {"name", "origin", "vocabulary", "components", "readout", "variables"})
    EXPECT_EQ(first.at(key), truth_.at(key)) << key;
  for (const auto& [key, value] : truth_["tasks"][0].items())
    if (key != "effects" && key != "attention") {
      EXPECT_EQ(first["tasks"][0].at(key), value) << key;
    }
}

TEST_F(TruthFile, GetsTheHashesOfItsCheckpointWhenItIsWritten) {
  Truth truth = parse_truth(truth_, "truth");
  truth.model.weights_sha256 = "of another file";
  write_truth(truth, folder_.path());
  EXPECT_EQ(read_truth(folder_.path()).model.weights_sha256,
            sha256_file(folder_ / "model.safetensors"));
}

TEST_F(TruthFile, OfAnotherCheckpointIsRefused) {
  std::ofstream(folder_ / "model.safetensors", std::ios::app | std::ios::binary) << " ";
  EXPECT_THAT(refusal(), HasSubstr("model.weights_sha256"));
}

TEST_F(TruthFile, OfAnotherFormatIsRefused) {
  truth_["format"] = "lensbench-truth/2";
  EXPECT_THAT(refusal(), HasSubstr("field format: expected lensbench-truth/1"));
}

TEST_F(TruthFile, IsMissing) {
  EXPECT_THAT(
      lensbench::testing::message_of<InputError>([&] { read_truth(folder_.path() / "none"); }),
      HasSubstr("truth.json: no such file"));
}

TEST_F(TruthFile, WithNaNIsRefused) {
  truth_["tasks"][0]["effects"]["values"]["total"][1][0] = "NaN";
  EXPECT_THAT(refusal(), HasSubstr("tasks[0].effects.values.total[1][0]: expected a number"));
}

// The first token comes from no distribution.
TEST_F(TruthFile, WithADistributionOfEveryPositionIsRefused) {
  truth_["tasks"][0]["distribution"]["entropy"] = {{1, 2}, {0.5, 1}, {1, 1}};
  EXPECT_THAT(refusal(), HasSubstr("distribution.entropy: has 3 positions after the first, "
                                   "expected 2"));
}

TEST_F(TruthFile, WithATokenOutsideTheVocabularyIsRefused) {
  truth_["tasks"][0]["prompts"][1]["answer"] = 6;
  EXPECT_THAT(refusal(), HasSubstr("prompts[1].answer: the token id is 6, expected 0 to 5"));
}

TEST_F(TruthFile, WithAComponentThatTheModelLacksIsRefused) {
  truth_["tasks"][0]["effects"]["components"][0] = "L0H2";
  EXPECT_THAT(refusal(), HasSubstr("does not have the component 'L0H2'"));
}

TEST_F(TruthFile, WithPromptsOfUnequalLengthIsRefused) {
  truth_["tasks"][0]["prompts"][0]["corrupted_ids"] = {0, 3};
  EXPECT_THAT(refusal(), HasSubstr("prompts[0].corrupted_ids: has 2 ids"));
}

TEST_F(TruthFile, WithAPositionOutsideThePromptIsRefused) {
  truth_["tasks"][0]["prompts"][0]["position"] = 3;
  EXPECT_THAT(refusal(), HasSubstr("position is 3, expected 0 to 2"));
}

TEST_F(TruthFile, WithATableOfAnotherSizeIsRefused) {
  truth_["tasks"][0]["readout"]["rank"].push_back({1, 1});
  EXPECT_THAT(refusal(), HasSubstr("readout.rank: has 3 layers, expected 2"));
}

TEST_F(TruthFile, WithTiesOfAnotherSizeIsRefused) {
  truth_["tasks"][0]["readout"]["rank_ties"][0] = {1};
  EXPECT_THAT(refusal(), HasSubstr("readout.rank_ties[0]: has 1 prompts, expected 2"));
}

TEST_F(TruthFile, WithEffectsOfNoQuestionIsRefused) {
  truth_["tasks"][0]["prompts"][0].erase("foil");
  EXPECT_THAT(refusal(), HasSubstr("foil or position is missing"));
}

TEST_F(TruthFile, WithLabelsOfAnUnknownVariableIsRefused) {
  truth_["tasks"][0]["variable"] = "w";
  EXPECT_THAT(refusal(), HasSubstr("tasks[0].variable: 'w' is not among the variables"));
}

TEST_F(TruthFile, WithATrainingPromptThatLacksItsLabelIsRefused) {
  truth_["tasks"][0]["train"][0].erase("label");
  EXPECT_THAT(refusal(), HasSubstr("tasks[0].train[0]: label or position is missing"));
}

TEST_F(TruthFile, MayLeaveOutEveryBlockOfATask) {
  truth_["tasks"] = {{{"name", "bare"}, {"prompts", {{{"ids", {1, 2}}}}}}};
  const Task task = read().tasks.at(0);
  EXPECT_FALSE(task.effects || task.metric || task.readout || task.edges || task.restore_grid);
}

fs::path golden_planted() {
  const char* given = std::getenv("LENSBENCH_SHARED");
  return fs::path(given != nullptr ? given : lensbench::testing::source_folder() + "/../shared") /
         "golden" / "planted";
}

TEST(StoredTruths, AreReadAndWrittenWithoutLoss) {
  if (!fs::exists(golden_planted())) GTEST_SKIP() << golden_planted() << " is not here";
  int read = 0;
  for (const auto& folder : fs::directory_iterator(golden_planted())) {
    if (!folder.is_directory()) continue;
    const json stored = json::parse(std::ifstream(folder.path() / "truth.json"));
    const json again = to_json(read_truth(folder.path()));
    for (std::size_t i = 0; i < stored["tasks"].size(); ++i)
      for (const char* key : {"prompts", "membership", "metric", "edges", "readout"})
        if (stored["tasks"][i].contains(key)) {
          EXPECT_EQ(again["tasks"][i].at(key), stored["tasks"][i][key])
              << folder.path() << " " << key;
        }
    ++read;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace lensbench::grading
