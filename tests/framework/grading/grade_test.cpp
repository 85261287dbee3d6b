#include "grading/run/grade.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "grading/output/grade_text.hpp"
#include "grading/run/planted_folders.hpp"
#include "grading/truth/truth_file.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/planted_model.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

using lensbench::testing::message_of;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;

/// A model of one block and one head, which adds up what the tokens say: token t1 says 4, t2 says
/// -4, all others nothing, and the head writes the mean over the visible positions, which the
/// unembedding adds to the logit of t3 and takes from that of t4. After S t1 S S the mean is 1, so
/// that the logits are 1 and -1; after S t2 S S it is -1.
class OneHead : public ::testing::Test {
 protected:
  OneHead() {
    lensbench::testing::PlantedShape shape;
    shape.n_positions = 4;
    shape.n_features = 2;
    shape.vocabulary = lensbench::testing::numbered_vocabulary(11);
    lensbench::testing::PlantedModel model(shape);
    model.embed(1, 0, 4);
    model.embed(2, 0, -4);
    model.value(0, 0, 0, 0, 1);
    model.output(0, 0, 0, 1, 1);
    model.unembed(1, 3, 1);
    model.unembed(1, 4, -1);
    model.write(folder_.path());
  }

  /// What is true by hand: the difference of the two logits is 2 and -2, all of it by the head.
  static Truth truth() {
    Truth truth;
    truth.name = "one_head";
    truth.origin.kind = "wired";
    truth.origin.generator = "one_head";
    truth.readout.answer_layer = 1;
    Task task;
    task.name = "swap";
    for (int i = 0; i < 2; ++i) {
      PromptPair prompt;
      prompt.ids = {0, 1, 0, 0};
      prompt.corrupted_ids = {0, 2, 0, 0};
      prompt.answer = 3;
      prompt.foil = 4;
      prompt.position = 3;
      task.prompts.push_back(prompt);
    }
    task.metric = MetricTruth{{2, 2}, {-2, -2}};
    task.membership = {{"L0H0", Membership::member}, {"0_mlp_out", Membership::none}};
    EffectTruth effects;
    effects.components = {"L0H0", "0_mlp_out"};
    effects.values = {{"total", {{4, 4}, {0, 0}}},
                      {"restore", {{4, 4}, {0, 0}}},
                      {"direct", {{4, 4}, {0, 0}}},
                      {"dla", {{2, 2}, {0, 0}}},
                      {"zero", {{2, 2}, {0, 0}}}};
    task.effects = effects;
    truth.components = {{"L0H0", "head", "sum"}, {"0_mlp_out", "mlp", "filler"}};
    // What the tokens say reaches the head as values, and its sum the logits.
    const Edge says{"embed", "L0H0", "v"}, sums{"L0H0", "logits", "in"};
    task.edges = EdgeTruth{{says, sums}, {{says, 4}, {sums, 4}}, 8};
    // 12 tokens have the logits 1, -1 and ten times 0; before the block all are 0.
    const double p = std::exp(1.0) / (std::exp(1.0) + std::exp(-1.0) + 10);
    task.readout = ReadoutTruth{{{1.0 / 12, 1.0 / 12}, {p, p}}, {{1, 1}, {1, 1}}, {}, {}};
    // The head writes the mean of what it sees: 0 at the first position, then 2, then 4 / 3. Each
    // of the tokens that follow is one of the ten others.
    task.distribution.emplace();
    for (const double mean : {0.0, 2.0, 4.0 / 3}) {
      const double sum = std::exp(mean) + std::exp(-mean) + 10;
      const double entropy = std::log(sum) - mean * (std::exp(mean) - std::exp(-mean)) / sum;
      task.distribution->entropy.push_back({entropy, entropy});
      task.distribution->probability.push_back({1 / sum, 1 / sum});
      task.distribution->surprisal.push_back({std::log(sum), std::log(sum)});
    }
    task.attention.emplace_back();
    task.attention[0].head = "L0H0";
    task.attention[0].keys = {1, 1};
    task.attention[0].mass = {0.25, 0.25};
    truth.tasks.push_back(task);
    return truth;
  }

  GradeRequest request(std::vector<std::string> tools) const {
    GradeRequest request;
    request.tools = std::move(tools);
    request.models = {folder_.path()};
    request.plugins.dirs = {lensbench::testing::build_folder() + "/lib/lensbench/plugins"};
    request.counts = {20, 20, 20};
    return request;
  }
  Grades grades(std::vector<std::string> tools) const {
    write_truth(truth(), folder_.path());
    return grade(request(std::move(tools)), {});
  }

  lensbench::testing::TempDir folder_;
};

double value(const Grades& grades, const std::string& claim, const std::string& metric) {
  for (const Entry& entry : grades.entries)
    if (entry.claim == claim)
      if (const Estimate* estimate = find_estimate(entry, metric)) return estimate->value;
  ADD_FAILURE() << "no score " << metric << " of " << claim;
  return std::nan("");
}

// Effects are of the order 1 in float32, through a norm that is constant to 1e-5.
constexpr double kRounding = 1e-4;

TEST_F(OneHead, IsAttributedAndAblatedExactly) {
  const Grades found = grades({"layer_attribution"});
  EXPECT_NEAR(value(found, "effect.dla", "error"), 0, kRounding);
  EXPECT_NEAR(value(found, "effect.zero", "error"), 0, kRounding);
  EXPECT_EQ(value(found, "effect.dla", "auroc"), 1);
  EXPECT_EQ(value(found, "effect.dla", "sign"), 1);
}

TEST_F(OneHead, IsPatchedInBothDirectionsExactly) {
  const Grades found = grades({"activation_patching"});
  EXPECT_NEAR(value(found, "effect.noise", "error"), 0, kRounding);
  EXPECT_NEAR(value(found, "effect.denoise", "error"), 0, kRounding);
}

TEST_F(OneHead, HasItsEdgesFoundExactly) {
  write_truth(truth(), folder_.path());
  GradeRequest asked = request({"edge_attribution"});
  asked.set = {{"method", "exact"}};
  const Grades found = grade(asked, {});
  EXPECT_NEAR(value(found, "edge.noise", "error"), 0, kRounding);
  EXPECT_EQ(value(found, "edge.noise", "auroc"), 1);
  EXPECT_EQ(value(found, "edge.noise", "coverage"), 1);
}

// Everything is linear but for the norm, so that gradients are exact.
TEST_F(OneHead, HasItsEdgesAndItsHeadFoundByGradients) {
  const Grades found = grades({"edge_attribution"});
  EXPECT_EQ(value(found, "edge.importance", "auroc"), 1);
  EXPECT_NEAR(value(found, "edge.importance", "r"), 1, kRounding);
  EXPECT_EQ(value(found, "effect.total", "auroc"), 1);
  EXPECT_EQ(value(found, "effect.total", "sign"), 1);
}

TEST_F(OneHead, IsReadAtEachLayer) {
  const Grades found = grades({"logit_lens", "attention"});
  EXPECT_NEAR(value(found, "readout.probability", "largest"), 0, kRounding);
  EXPECT_EQ(value(found, "readout.rank", "wrong"), 0);
  EXPECT_NEAR(value(found, "attention.source", "mass"), 0.25, kRounding);
}

TEST_F(OneHead, HasTheDistributionsThatFollowByHand) {
  const Grades found = grades({"token_analyzer"});
  for (const char* claim :
       {"distribution.entropy", "distribution.probability", "distribution.surprisal"}) {
    EXPECT_NEAR(value(found, claim, "largest"), 0, kRounding) << claim;
    EXPECT_EQ(value(found, claim, "coverage"), 1) << claim;
  }
}

TEST_F(OneHead, HasADistributionThatAWrongTruthIsFarFrom) {
  Truth wrong = truth();
  wrong.tasks[0].distribution->entropy[1] = {0.5, 0.5};
  write_truth(wrong, folder_.path());
  EXPECT_GT(value(grade(request({"token_analyzer"}), {}), "distribution.entropy", "largest"), 0.5);
}

TEST_F(OneHead, IsNotFoundOnceItsWeightsArePermuted) {
  const Grades found = grades({"layer_attribution"});
  for (const Entry& entry : found.entries)
    if (entry.claim == "effect.dla") {
      EXPECT_GT(find_estimate(entry, "error")->shuffled, 0.1);
    }
}

TEST_F(OneHead, IsWrittenAsJsonLines) {
  const auto lines = grade_json_lines(grades({"layer_attribution", "sparsity"}));
  bool exact = false, no_score = false;
  for (const std::string& line : lines) {
    const json object = json::parse(line);
    EXPECT_TRUE(object.contains("tool") && object.contains("status")) << line;
    exact = exact || (object["claim"] == "effect.dla" && object["metric"] == "auroc" &&
                      object["value"] == 1 && object["models"] == 1 && object["prompts"] == 2);
    no_score = no_score || (object["tool"] == "sparsity" && object["status"] == "no_claim");
  }
  EXPECT_TRUE(exact);
  EXPECT_TRUE(no_score);
}

TEST_F(OneHead, IsShownInATable) {
  write_truth(truth(), folder_.path());
  const GradeRequest asked = request({"layer_attribution"});
  const auto lines = grade_text(grade(asked, {}), asked, {});
  EXPECT_THAT(lines, Contains(HasSubstr("AUROC")));
  EXPECT_THAT(lines, Contains(HasSubstr("layer_attribution effect.dla")));
}

TEST_F(OneHead, IsNotGradedByATruthOfAnotherModel) {
  write_truth(truth(), folder_.path());
  folder_.write("model.safetensors", "another");
  EXPECT_THAT(message_of<InputError>([&] { grade(request({"logit_lens"}), {}); }),
              HasSubstr("weights_sha256"));
}

TEST_F(OneHead, NeedsAKnownToolAndParameters) {
  write_truth(truth(), folder_.path());
  EXPECT_THROW(grade(request({"logit_lense"}), {}), PluginError);
  GradeRequest wrong = request({"logit_lens"});
  wrong.set = {{"layer", "1"}};
  EXPECT_THAT(message_of<UsageError>([&] { grade(wrong, {}); }), HasSubstr("'layer'"));
  GradeRequest unknown_field = request({"logit_lens"});
  unknown_field.bind = {{"target", "answers"}};
  EXPECT_THAT(message_of<UsageError>([&] { grade(unknown_field, {}); }), HasSubstr("answer"));
}

TEST_F(OneHead, IsRefusedByAToolWithASentence) {
  write_truth(truth(), folder_.path());
  GradeRequest asked = request({"logit_lens"});
  asked.set = {{"top_k", "1000"}};
  const Grades found = grade(asked, {});
  ASSERT_EQ(found.unscored.size(), 1u);
  EXPECT_EQ(found.unscored[0].why, Unscored::Why::refused);
  EXPECT_THAT(found.unscored[0].reason, HasSubstr("top_k"));
}

TEST(PlantedFolders, AreOneOrMany) {
  const lensbench::testing::TempDir folder;
  EXPECT_THAT(message_of<InputError>([&] { planted_folders(folder.path()); }),
              HasSubstr("truth.json"));
  folder.write("b/truth.json", "{}");
  folder.write("a/truth.json", "{}");
  folder.write("c/other.json", "{}");
  EXPECT_THAT(planted_folders(folder.path()), ::testing::ElementsAre(folder / "a", folder / "b"));
  EXPECT_THAT(planted_folders(folder / "a"), ::testing::ElementsAre(folder / "a"));
}

}  // namespace
}  // namespace lensbench::grading
