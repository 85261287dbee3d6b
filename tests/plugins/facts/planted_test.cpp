// Facts of a model that is written by hand: block 1's MLP looks up the answer at the subject, L2H0
// brings it to the last position, where its logit is b and all others are 0.
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "common/noise.hpp"
#include "facts/plan.hpp"
#include "facts/recall.hpp"
#include "facts/relation_map.hpp"
#include "facts_fixture.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::facts {
namespace {

using ::testing::ElementsAre;

constexpr double kLogit = 4.0;
// Norm-neutral construction: relative error below |x|^2 / (4 B^2).
constexpr double kPlanted = 1e-5;
constexpr const char* kTemplate = "S {} is";

Fact asked(const std::string& subject, const std::string& object) {
  return {.subject = subject, .relation = "r", .object = object, .templates = {kTemplate}};
}

class PlantedFacts : public ::testing::Test {
 protected:
  /// Three known facts, and one of a subject that the model knows nothing about.
  std::vector<Fact> facts(bool with_unmapped) const {
    std::vector<Fact> all = {asked("s1", "a1"), asked("s2", "a2"), asked("s3", "a3")};
    for (Fact& fact : all) fact.candidates = {"a1", "a2", "a3", "a4", "a5"};
    if (with_unmapped) all.push_back(asked("a2", "a1"));
    return all;
  }
  std::vector<NamedFact> named_facts() const { return named(facts(false)); }

  testing::FactTokens tokens_{.n = 5};
  FactsBench bench_{testing::fact_model(kLogit, tokens_).open()};
  // Probabilities of the known fact and of an answer that is not given: the other logits are 0.
  double sum_ = std::exp(kLogit) + static_cast<double>(tokens_.size()) - 1;
};

TEST_F(PlantedFacts, AreExactlyTheOnesThatWereWritten) {
  const Dataset result = bench_.tool.ask(facts(true), {});
  for (std::int64_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(value_at(result, "log_probability", {k}), kLogit - std::log(sum_), kPlanted);
    EXPECT_NEAR(value_at(result, "margin", {k}), kLogit, kLogit * kPlanted);
    EXPECT_EQ(value_at(result, "rank", {k}), 1);
    EXPECT_EQ(value_at(result, "candidate_rank", {k}), 1);
    EXPECT_EQ(value_at(result, "settled_layer", {k}), 3);  // block 2 brings it
    EXPECT_EQ(value_at(result, "top_id", {k}), static_cast<double>(tokens_.answer(k)));
  }
  // The prior of a1 is not measured on a2, which the file gives the same object; those of the
  // others are, and there every token has the probability 1 / size.
  const double uniform = std::log(static_cast<double>(tokens_.size()));
  EXPECT_NEAR(value_at(result, "lift", {0}), kLogit, kLogit * kPlanted);
  for (const std::int64_t k : {1, 2})
    EXPECT_NEAR(value_at(result, "lift", {k}), kLogit - (std::log(sum_) - uniform) / 3,
                kLogit * kPlanted);
  EXPECT_NEAR(value_at(result, "lift", {3}), std::log(sum_) - uniform, kLogit * kPlanted);
  EXPECT_THAT(values_of(result, "asserted"), ElementsAre(1, 1, 1, 0));
  EXPECT_EQ(value_at(result, "asserted_share"), 0.75);
  // Equal logits: the margin is 0 and not rounding, though the lift is positive.
  EXPECT_EQ(value_at(result, "margin", {3}), 0.0);
  EXPECT_EQ(value_at(result, "rank", {3}), 1);
  EXPECT_EQ(value_at(result, "settled_layer", {3}), -1);
  expect_receipts_hold(result, 7);
}

TEST_F(PlantedFacts, HaveTheLiftOfTheAnswersLogit) {
  const Dataset result = bench_.tool.ask(facts(false), {});
  for (std::int64_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(value_at(result, "prior", {k}), -std::log(sum_), kPlanted);
    EXPECT_NEAR(value_at(result, "lift", {k}), kLogit, kLogit * kPlanted);
  }
}

TEST_F(PlantedFacts, MakeAGraph) {
  const Dataset result = bench_.tool.ask(facts(true), {});
  EXPECT_THAT(result["node"].strings, ElementsAre("s1", "a1", "s2", "a2", "s3", "a3"));
  EXPECT_THAT(values_of(result, "subject_node"), ElementsAre(0, 2, 4, 3));
  EXPECT_THAT(values_of(result, "object_node"), ElementsAre(1, 3, 5, 1));
  // Only asserted facts are edges.
  EXPECT_THAT(values_of(result, "out_degree"), ElementsAre(1, 0, 1, 0, 1, 0));
  EXPECT_THAT(values_of(result, "in_degree"), ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(result["best_candidate"].strings, ElementsAre("a1", "a2", "a3", "a1"));
}

TEST_F(PlantedFacts, AreRecalledByTheMlpThatHoldsThem) {
  const Dataset result = bench_.tool.ask(facts(false), {});
  EXPECT_THAT(result["kind"].strings, ElementsAre("state", "mlp"));
  for (std::int64_t k = 0; k < 3; ++k) {
    EXPECT_EQ(value_at(result, "peak_block", {k, 1}), 1);
    // With a neutral subject another answer has the logit b, and this one 0.
    const double total = (std::exp(kLogit) - 1) / sum_;
    EXPECT_NEAR(value_at(result, "total_effect", {k}), total, kPlanted);
    // The stream after block 0 is all that was changed.
    EXPECT_NEAR(value_at(result, "peak_effect", {k, 0}), total, kPlanted);
    EXPECT_NEAR(value_at(result, "peak_effect", {k, 1}), total, kPlanted);
  }
  const Dataset untraced = bench_.tool.ask(facts(false), {.trace = false});
  EXPECT_FALSE(untraced.contains("peak_block"));
  expect_receipts_hold(untraced, 3);
}

// Noise on other tokens, by one whole forward for each noise and a softmax of its logits.
TEST_F(PlantedFacts, HaveAControlOfNoiseOnOtherTokens) {
  FactsOptions options;
  options.corruption = "noise";
  options.noise = 30.0;
  options.samples = 3;
  const Dataset result = bench_.tool.ask(facts(false), options);
  const Model& model = *bench_.model;
  const auto noises =
      tracing::control_noise({1}, 3, options.samples, model.spec().d_model,
                             options.noise * vocabulary_deviation(model), bench_.context.seed());
  for (const Hooks& noise : noises) {
    const at::Tensor nothing = at::zeros({1, 3, model.spec().d_model}, at::kDouble);
    const at::Tensor changed = noise.entries().front().replacer(nothing, {});
    EXPECT_EQ(changed[0][1].abs().max().item<double>(), 0.0);  // the subject
    EXPECT_GT(changed.abs().max().item<double>(), 0.0);
  }
  const FactsPlan plan = make_plan(model, named_facts(), options);
  for (std::int64_t k = 0; k < 3; ++k) {
    const PlannedFact& fact = plan.facts[static_cast<std::size_t>(k)];
    const Tokens& tokens = plan.prompts[fact.templates.front().object.prompt].tokens;
    const auto probability = [&](const Hooks& hooks) {
      const at::Tensor logits = model.forward(make_batch(tokens), {}, hooks).logits[0][-1];
      return at::softmax(logits.to(at::kDouble), -1)[tokens_.answer(k)].item<double>();
    };
    double noisy = 0;
    for (const Hooks& noise : noises) noisy += probability(noise) / 3;
    EXPECT_NEAR(value_at(result, "control_total_effect", {k}), probability({}) - noisy, kPlanted);
  }
  EXPECT_FALSE(bench_.tool.ask(facts(false), {}).contains("control_total_effect"));
}

TEST_F(PlantedFacts, HaveNoControlWhereTheSubjectIsThePrompt) {
  std::vector<Fact> bare = facts(false);
  for (Fact& fact : bare) fact.templates = {"{}"};
  FactsOptions options;
  options.corruption = "noise";
  const Dataset result = bench_.tool.ask(bare, options);
  EXPECT_TRUE(result["control_total_effect"].tensor.isnan().all().item<bool>());
}

// Before block 2 the answer is a feature of the subject's stream, and L2H0 copies features of
// all answers linearly. Before block 1 only the neuron of the very subject has a derivative.
TEST_F(PlantedFacts, HaveALinearMapAfterTheLookUpAndNotBeforeIt) {
  std::vector<Fact> all = facts(false);
  all.push_back(asked("s4", "a4"));
  const auto map_at = [&](std::int64_t layer) {
    FactsOptions options;
    options.trace = false;
    options.relation_map = true;
    options.map_layer = layer;
    return bench_.tool.ask(all, options);
  };
  const Dataset linear = map_at(2);
  EXPECT_EQ(value_at(linear, "map_training_subjects"), 2);
  EXPECT_EQ(value_at(linear, "map_held_out_subjects"), 2);
  EXPECT_EQ(value_at(linear, "map_faithfulness"), 1.0);
  // The mean of the training subjects has their answers, never a held-out one.
  EXPECT_EQ(value_at(linear, "map_control_faithfulness"), 0.0);
  EXPECT_NEAR(value_at(linear, "map_interval", {0, 0}),
              1 / (1 + 1.959963984540054 * 1.959963984540054 / 2), 1e-9);
  EXPECT_EQ(value_at(linear, "map_interval", {0, 1}), 1.0);
  expect_receipts_hold(linear, 4);
  EXPECT_EQ(value_at(map_at(1), "map_faithfulness"), 0.0);
}

// A map is perfect on the subjects it was fitted to, here before the look-up, and wrong on all
// others: what is measured on the training subjects says nothing.
TEST_F(PlantedFacts, AreNotMeasuredOnTheSubjectsThatTheMapWasFittedTo) {
  const FactsPlan plan = make_plan(*bench_.model, named_facts(), {});
  MapFit fit;
  for (const std::size_t index : {0, 1})
    fit.add(
        linearize(*bench_.model, plan.prompts[plan.facts[index].templates[0].object.prompt], 1, 7));
  const auto agreement = [&](std::size_t fact) {
    return map_agreement(*bench_.model, plan, {plan.facts[fact].templates[0].object.prompt},
                         fit.map(), 1, 1.0);
  };
  EXPECT_EQ(agreement(0), 1.0);
  EXPECT_EQ(agreement(1), 1.0);
  EXPECT_EQ(agreement(2), 0.0);
  for (const std::uint64_t seed : {0, 1, 2}) {
    const MapSplit split = split_subjects(plan, 0, 8, seed);
    EXPECT_EQ(split.training.size(), 1u);  // one of three
    EXPECT_EQ(split.held_out.size(), 2u);
    for (const std::size_t one : split.held_out) EXPECT_NE(one, split.training[0]);
  }
}

// Uniform attention without an MLP: x_q + mean_(j <= q) x_j W, so the derivative by an earlier
// position is W / (q + 1), in the pairs of coordinates (v, -v) of a feature.
TEST(Linearization, OfALinearModelIsItsMatrix) {
  const std::vector<std::vector<double>> matrix = {
      {0.5, -0.25, 0.0}, {1.0, 0.125, -0.5}, {0.0, 0.75, 0.25}};
  const auto model = testing::linear_model(matrix).open();
  const NamedFact fact{{.subject = "t1",
                        .relation = "r",
                        .object = "t0",
                        .templates = {"t2 {} t0 t2"},
                        .candidates = {"t0", "t2"},
                        .neutral = {"t0"}},
                       "facts",
                       false};
  const FactsPlan plan = make_plan(*model, {fact}, {});
  const Linearization found = linearize(*model, plan.prompts[0], 0, 5);
  for (std::int64_t from = 0; from < 3; ++from)
    for (std::int64_t to = 0; to < 3; ++to)
      for (const std::int64_t a : {0, 1})
        for (const std::int64_t b : {0, 1}) {
          const double w = matrix[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
          const double sign = a == b ? 1.0 : -1.0;
          EXPECT_NEAR(found.jacobian[2 + 2 * to + b][2 + 2 * from + a].item<double>(),
                      sign * w / 4 / 2, kPlanted);
        }
  // s is the embedding of t1.
  EXPECT_NEAR(found.subject[2 + 2 * 1].item<double>(), 1.0, kPlanted);
  EXPECT_NEAR(found.subject[2 + 2 * 1 + 1].item<double>(), -1.0, kPlanted);
}

TEST(WilsonInterval, IsThatOfTheFormula) {
  // Wilson (1927), as R's prop.test(7, 10, correct = FALSE) gives it: 0.3967781 to 0.8922087.
  const auto [low, high] = wilson_interval(0.7, 10);
  EXPECT_NEAR(low, 0.3967781, 1e-6);
  EXPECT_NEAR(high, 0.8922087, 1e-6);
  EXPECT_TRUE(std::isnan(wilson_interval(0, 0).first));
  EXPECT_GT(wilson_interval(0, 5).second, 0.4);  // none of five is not "never"
}

TEST(SettledLayer, IsTheFirstOfAnUnbrokenRow) {
  EXPECT_EQ(settled_layer({1, 5, 1, 5, 5}, 5), 3);
  EXPECT_EQ(settled_layer({5, 5}, 5), 0);
  EXPECT_EQ(settled_layer({5, 5, 1}, 5), -1);
}

}  // namespace
}  // namespace lensbench::facts
