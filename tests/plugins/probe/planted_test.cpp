// Models of which it is known what can be read where.
#include "probe_fixture.hpp"
#include "support/planted_attention.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::probing {
namespace {

constexpr std::int64_t kTokens = 3;

/// All sequences `S x y z` of three tokens; the label is the number of y or of z.
std::vector<ProbeExample> sequences(const ProbeBench& bench, bool previous) {
  std::vector<ProbeExample> examples;
  for (std::int64_t x = 1; x <= kTokens; ++x)
    for (std::int64_t y = 1; y <= kTokens; ++y)
      for (std::int64_t z = 1; z <= kTokens; ++z)
        examples.push_back(bench.example({0, x, y, z}, std::to_string(previous ? y : z)));
  return examples;
}

class InductionModel : public ::testing::Test {
 protected:
  InductionModel() {
    testing::induction_model(kTokens).write(folder_.path());
    bench_ = std::make_unique<ProbeBench>(Model::open(folder_.path()));
    options_.hooks = {"blocks.0.hook_resid_pre", "blocks.0.hook_resid_post"};
  }
  double control(const Dataset& found, std::int64_t number, std::int64_t point) const {
    return mean_of(found, "control_accuracy", {number, point});
  }

  testing::TempDir folder_;
  std::unique_ptr<ProbeBench> bench_;
  ProbeOptions options_;
};

TEST_F(InductionModel, HasThePreviousTokenAfterTheHeadThatCopiesIt) {
  const Dataset found = bench_->tool.fit(sequences(*bench_, true), options_);
  testing::expect_receipts_hold(found, 2);
  EXPECT_THAT(found["point"].strings,
              ::testing::ElementsAre("blocks.0.hook_resid_pre", "blocks.0.hook_resid_post"));
  EXPECT_EQ(testing::value_at(found, "layer", {0}), 0);
  EXPECT_EQ(testing::value_at(found, "layer", {1}), 1);
  // Before the head the stream knows its own token alone. One in three is chance, of 27 rows with
  // a deviation of .09; what is held out is rarer in training, so that less is usual.
  EXPECT_LT(testing::value_at(found, "held_out_accuracy", {0}), 0.55);
  EXPECT_EQ(testing::value_at(found, "held_out_accuracy", {1}), 1);
  EXPECT_EQ(testing::value_at(found, "held_out_auroc", {1}), 1);
  // The embedding of the same position is at chance, too.
  EXPECT_LT(control(found, 3, 1), 0.55);
  for (std::int64_t fold = 0; fold < 5; ++fold) {
    EXPECT_EQ(testing::value_at(found, "selected_point", {fold}), 1);
    EXPECT_EQ(testing::value_at(found, "selected_accuracy", {fold}), 1);
  }
  EXPECT_FALSE(found.contains("direction"));
  EXPECT_EQ(found["class_direction"].tensor.size(1), kTokens);
}

TEST_F(InductionModel, HasTheCurrentTokenEverywhereAndTheControlsSayThatItIsTheInput) {
  const Dataset found = bench_->tool.fit(sequences(*bench_, false), options_);
  for (std::int64_t point = 0; point < 2; ++point) {
    EXPECT_EQ(testing::value_at(found, "held_out_accuracy", {point}), 1);
    // A probe that knows the token also knows any label of the token.
    EXPECT_EQ(control(found, 1, point), 1);
    EXPECT_EQ(testing::value_at(found, "selectivity", {point}), 0);
    EXPECT_EQ(control(found, 3, point), 1);
    EXPECT_LT(control(found, 0, point), 0.7);
    EXPECT_LT(control(found, 2, point), 0.4);
  }
}

TEST_F(InductionModel, ReadsThePositionThatIsAskedFor) {
  auto examples = sequences(*bench_, true);
  options_.hooks = {"blocks.0.hook_resid_pre"};
  options_.position = "2";
  EXPECT_EQ(mean_of(bench_->tool.fit(examples, options_), "accuracy", {0}), 1);
  options_.position = "-2";
  EXPECT_EQ(mean_of(bench_->tool.fit(examples, options_), "accuracy", {0}), 1);
  options_.position = "marker";
  for (ProbeExample& example : examples) example.position = 2;
  EXPECT_EQ(mean_of(bench_->tool.fit(examples, options_), "accuracy", {0}), 1);
  for (ProbeExample& example : examples) example.position.reset();
  // Position 0 is `S` in every sequence, and nothing tells the labels apart.
  options_.position = "first";
  const Dataset found = bench_->tool.fit(examples, options_);
  EXPECT_LE(mean_of(found, "accuracy", {0}), 0.5);
  EXPECT_TRUE(std::isnan(testing::value_at(found, "selectivity", {0})));
}

TEST_F(InductionModel, HasADirectionForTwoLabelsThatScoresHeldOutRows) {
  std::vector<ProbeExample> examples;
  for (const ProbeExample& one : sequences(*bench_, true))
    if (one.label != "3") examples.push_back(one);
  options_.hooks = {"blocks.0.hook_resid_post", "blocks.1.hook_resid_post"};
  for (const char* kind : {"logistic", "ridge", "mean_difference", "mass_mean", "sparse"}) {
    options_.kind = kind;
    const Dataset found = bench_->tool.fit(examples, options_);
    testing::expect_receipts_hold(found, 3);
    EXPECT_EQ(testing::value_at(found, "held_out_accuracy", {0}), 1) << kind;
    EXPECT_NEAR(found["direction"].tensor[0].norm().item<double>(), 1, 1e-12);
    EXPECT_NEAR(testing::value_at(found, "direction_cosine", {0, 0}), 1, 1e-12);
    for (std::int64_t i = 0; i < std::ssize(examples); ++i)
      EXPECT_EQ(testing::value_at(found, "score", {0, i}) > 0, examples[i].label == "2") << kind;
    const bool probabilities =
        std::string(kind) != "ridge" && std::string(kind) != "mean_difference";
    EXPECT_EQ(std::isnan(mean_of(found, "log_loss", {0})), !probabilities) << kind;
  }
}

TEST_F(InductionModel, KeepsGroupsTogetherAndBoundsWhatItMeasures) {
  auto examples = sequences(*bench_, true);
  for (std::size_t i = 0; i < examples.size(); ++i) examples[i].group = std::to_string(i % 9);
  const Dataset found = bench_->tool.fit(examples, options_);
  for (std::size_t i = 9; i < examples.size(); ++i)
    EXPECT_EQ(testing::value_at(found, "fold_of", {static_cast<std::int64_t>(i)}),
              testing::value_at(found, "fold_of", {static_cast<std::int64_t>(i) - 9}));
  for (std::int64_t point = 0; point < 2; ++point) {
    const double accuracy = testing::value_at(found, "held_out_accuracy", {point});
    EXPECT_LE(testing::value_at(found, "accuracy_interval", {0, point}), accuracy);
    EXPECT_GE(testing::value_at(found, "accuracy_interval", {1, point}), accuracy);
  }
}

TEST(FactModel, HasTheNeuronOfASubject) {
  // Neuron k of block 1 is active where the subject is k, and no other neuron differs by it.
  const testing::FactTokens tokens;
  const testing::TempDir folder;
  testing::fact_model(4.0, tokens).write(folder.path());
  const ProbeBench reading(Model::open(folder.path()));
  ProbeBench bench(reading.model);
  std::vector<ProbeExample> examples;
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t k = 0; k < 2; ++k) {
      ProbeExample one =
          bench.example({tokens.start(), tokens.subject(k == 1 ? 1 : 2 * (i % 2)), tokens.is()},
                        k == 1 ? "yes" : "no", "group " + std::to_string(i));
      examples.push_back(one);
    }
  ProbeOptions options;
  options.hooks = {"blocks.1.hook_resid_post"};
  options.position = "1";
  options.folds = 2;
  options.neurons = true;
  const Dataset found = bench.tool.fit(examples, options);
  EXPECT_EQ(testing::value_at(found, "neuron_auroc", {1, 1}), 1);
  // Neurons 0 and 2 are active in half of the other rows.
  EXPECT_EQ(testing::value_at(found, "neuron_auroc", {1, 0}), 0.25);
  EXPECT_EQ(testing::value_at(found, "neuron_auroc", {1, 2}), 0.25);
  EXPECT_EQ(testing::value_at(found, "neuron_auroc", {3, 1}), 0.5);
}

}  // namespace
}  // namespace lensbench::probing
