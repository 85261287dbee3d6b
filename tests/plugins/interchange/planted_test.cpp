// Models of which it is known which features carry the answer.
#include <algorithm>
#include <cmath>

#include "interchange_fixture.hpp"
#include "support/planted_attention.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::interchange {
namespace {

constexpr double kLogit = 4.0;

/// Coordinates of a range of features of a planted model: a pair for each, after the reserved pair.
std::vector<std::int64_t> coordinates(std::int64_t first, std::int64_t count) {
  return range(2 + 2 * first, 2 + 2 * (first + count) - 1);
}

/// Prompts `S … S sK is`, whose subject is at position -2; the answer of a pair is that of the
/// subject of its source. Pairs of short prompts train, and those of long ones test.
class FactExchanges : public ::testing::Test {
 protected:
  FactExchanges() {
    testing::fact_model(kLogit, tokens_).write(folder_.path());
    bench_ = std::make_unique<InterchangeBench>(Model::open(folder_.path()));
    for (std::int64_t more = 0; more < 4; ++more)
      for (std::int64_t a = 0; a < tokens_.n; ++a)
        for (std::int64_t b = 0; b < tokens_.n; ++b)
          if (a != b)
            pairs_.push_back(
                bench_->pair(prompt(a, more), prompt(b, more), tokens_.answer(b), more > 1));
    options_.rank = 2;
    options_.layers = {1};
    options_.position = {-2};
  }

  std::vector<std::int64_t> prompt(std::int64_t subject, std::int64_t more) const {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(more), tokens_.start());
    for (const std::int64_t id : tokens_.prompt(subject)) ids.push_back(id);
    return ids;
  }
  Dataset exchange() { return bench_->tool.exchange(pairs_, options_); }
  Dataset exchange_neurons(const std::vector<std::int64_t>& neurons) {
    options_.basis = {"neurons"};
    options_.neurons = neurons;
    options_.rank = std::ssize(neurons);
    return exchange();
  }
  /// Expects the answer of each base in every test pair.
  void expect_answers_of_bases(const Dataset& found) const {
    EXPECT_EQ(value_at(found, "accuracy", {0, 0, 0}), 0);
    EXPECT_NEAR(value_at(found, "margin", {0, 0, 0}), -kLogit, 1e-4);
    for (std::int64_t i = 0; i < std::ssize(pairs_); ++i) {
      if (value_at(found, "part", {i}) != 1) continue;
      EXPECT_EQ(value_at(found, "answer_id", {0, 0, 0, i}), value_at(found, "base_answer_id", {i}));
    }
  }

  const testing::FactTokens tokens_;
  testing::TempDir folder_;
  std::unique_ptr<InterchangeBench> bench_;
  std::vector<InterchangePair> pairs_;
  InterchangeOptions options_;
};

TEST_F(FactExchanges, OfTheAnswersFeaturesBringTheAnswerOfTheSource) {
  // Block 1 has written answer k into feature 3 + k at the subject.
  const Dataset found = exchange_neurons(coordinates(3, 3));
  EXPECT_EQ(value_at(found, "accuracy", {0, 0, 0}), 1);
  EXPECT_NEAR(value_at(found, "margin", {0, 0, 0}), kLogit, 1e-4);
  EXPECT_EQ(value_at(found, "train_accuracy", {0, 0, 0}), 1);
  EXPECT_EQ(value_at(found, "base_accuracy"), 0);
  EXPECT_EQ(value_at(found, "whole_accuracy", {0, 0}), 1);
  testing::expect_receipts_hold(found, 8);
}

TEST_F(FactExchanges, OfAnOrthogonalSubspaceLeaveTheAnswerOfTheBase) {
  // The subject itself is not read any more after block 1.
  expect_answers_of_bases(exchange_neurons(coordinates(0, 3)));
}

TEST_F(FactExchanges, FindTheAnswerWhereAHeadHasMovedIt) {
  options_.layers = {2};
  options_.position = {-1};
  EXPECT_EQ(value_at(exchange_neurons(coordinates(6, 3)), "accuracy", {0, 0, 0}), 1);
  // At the subject the answer has been read already.
  options_.position = {-2};
  expect_answers_of_bases(exchange_neurons(coordinates(3, 3)));
}

TEST_F(FactExchanges, ActWhereAnyOfTheirBasesActs) {
  // Coordinates 0 and 1 are equal everywhere; a random subspace has something of every difference,
  // which only the subject's own logits show after the last block.
  options_.layers = {bench_->model->spec().n_layers - 1};
  options_.controls = {"placebo"};
  options_.basis = {"neurons", "random"};
  options_.neurons = {0, 1};
  const std::string receipt = "no_write_was_without_effect";
  EXPECT_TRUE(testing::receipt_of(exchange(), receipt).passed);
  options_.basis = {"neurons"};
  EXPECT_FALSE(testing::receipt_of(exchange(), receipt).passed);
}

TEST_F(FactExchanges, OfHalfTheStrengthLeaveBothAnswersEqual) {
  options_.strength = 0.5;
  const Dataset found = exchange_neurons(coordinates(3, 3));
  // The head copies half of each: two logits of half the size, and the rest 0.
  EXPECT_NEAR(value_at(found, "margin", {0, 0, 0}), 0, 1e-4);
}

TEST_F(FactExchanges, OfMeansAndOfPrincipalDirectionsHaveAllThreeValuesInTwoDimensions) {
  options_.basis = {"mean_difference", "principal", "random"};
  const Dataset found = exchange();
  testing::expect_receipts_hold(found, 8);
  for (std::int64_t basis = 0; basis < 2; ++basis) {
    EXPECT_EQ(value_at(found, "accuracy", {0, 0, basis}), 1) << basis;
    // A change as large, elsewhere, does not bring all answers; an exchange elsewhere brings none.
    EXPECT_LT(value_at(found, "control_accuracy", {0, 0, basis, 0}), 1);
    EXPECT_EQ(value_at(found, "control_accuracy", {0, 0, basis, 1}), 0);
    // Labels do not change a subspace that is not trained.
    EXPECT_TRUE(std::isnan(value_at(found, "control_accuracy", {0, 0, basis, 2})));
    EXPECT_LT(value_at(found, "control_accuracy", {0, 0, basis, 3}), 0.7);
    // The table has the figure and its controls in one row.
    EXPECT_EQ(value_at(found, "side_by_side", {0, 0, basis, 0}), 1);
    for (const std::int64_t control : {0, 1, 3})
      EXPECT_EQ(value_at(found, "side_by_side", {0, control + 1, basis, 0}),
                value_at(found, "control_accuracy", {0, 0, basis, control}));
  }
  EXPECT_EQ(value_at(found, "accuracy", {0, 0, 2}), 0);
}

TEST_F(FactExchanges, OfAllDirectionsAreTheirOwnPlacebo) {
  // A random subspace of all dimensions contains the whole difference, which it moves in full.
  options_.basis = {"random"};
  options_.rank = bench_->model->spec().d_model;
  options_.controls = {"placebo"};
  const Dataset found = exchange();
  EXPECT_EQ(value_at(found, "accuracy", {0, 0, 0}), 1);
  EXPECT_EQ(value_at(found, "control_accuracy", {0, 0, 0, 0}), 1);
  EXPECT_NEAR(value_at(found, "control_margin", {0, 0, 0, 0}), kLogit, 1e-4);
}

TEST_F(FactExchanges, OfATrainedSubspaceBringTheAnswerAndDoNotFitArbitraryLabels) {
  options_.basis = {"das"};
  options_.steps = 150;
  options_.learning_rate = 0.05;
  options_.controls = {"arbitrary_labels", "random_basis"};
  const Dataset found = exchange();
  testing::expect_receipts_hold(found, 8);
  EXPECT_EQ(value_at(found, "accuracy", {0, 0, 0}), 1);
  // ln(1 + 7 e^-4) = 0.12 is the loss of the right answer, and that of the answer of the base
  // is 4.1.
  EXPECT_LT(value_at(found, "training_loss", {149, 0, 0}), 0.5);
  EXPECT_GT(value_at(found, "training_loss", {0, 0, 0}), 2);
  // A token that is not an answer has the logit 0, which is never the largest alone; a trained
  // subspace must not do better with them than a random one.
  EXPECT_LE(value_at(found, "control_accuracy", {0, 0, 0, 0}),
            value_at(found, "control_accuracy", {0, 0, 0, 1}));
}

TEST(InductionExchanges, OfTheFoundTokenBringTheTokenAfterTheFirstOccurrence) {
  constexpr std::int64_t kTokens = 4, kPositions = 8;
  testing::TempDir folder;
  testing::induction_model(kTokens, kPositions).write(folder.path());
  InterchangeBench bench(Model::open(folder.path()));
  std::vector<InterchangePair> pairs;
  for (std::int64_t x = 1; x <= kTokens; ++x)
    for (std::int64_t y = 1; y <= kTokens; ++y)
      for (std::int64_t z = 1; z <= kTokens; ++z)
        if (x != y && x != z && y != z)
          pairs.push_back(bench.pair({0, x, y, x}, {0, x, z, x}, z, x > 2));
  const std::int64_t token = 2 * testing::code_size(kPositions);
  const std::int64_t found_first = token + kTokens + 1 + kTokens;
  InterchangeOptions options;
  options.basis = {"neurons"};
  options.layers = {1};
  options.rank = 2 * kTokens;
  options.neurons = coordinates(found_first, kTokens);
  // Every token is an answer, so that none is left for arbitrary labels.
  options.controls = {"placebo", "random_basis"};
  const Dataset found = bench.tool.exchange(pairs, options);
  EXPECT_EQ(value_at(found, "accuracy", {0, 0, 0}), 1);
  EXPECT_NEAR(value_at(found, "margin", {0, 0, 0}), 2, 1e-4);
  // The features of the last token itself are equal in base and source.
  options.neurons = coordinates(token, kTokens);
  const Dataset own = bench.tool.exchange(pairs, options);
  EXPECT_EQ(value_at(own, "accuracy", {0, 0, 0}), 0);
  EXPECT_NEAR(value_at(own, "margin", {0, 0, 0}), -2, 1e-4);
}

}  // namespace
}  // namespace lensbench::interchange
