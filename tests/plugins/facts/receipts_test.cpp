#include <limits>

#include "facts/scores.hpp"
#include "facts_fixture.hpp"
#include "support/faulty_model.hpp"
#include "support/word_tokenizer.hpp"

// Each receipt fails for the fault that it names.

namespace lensbench::facts {
namespace {

using testing::AskedForward;
using testing::expect_fails;
using testing::faulty;

/// Two facts of one relation, with an object of two tokens.
class FactsReceipts : public ::testing::Test {
 protected:
  Dataset run_on(const testing::Faults& faults, const Settings& more = {{"trace", "false"}}) const {
    FactsBench bench(faulty(testing::sample_with_words("gpt2"), faults));
    Settings settings = more;
    settings["facts"] = folder_.write(
        "facts.jsonl",
        R"({"subject": "t3 t4", "relation": "r", "object": "t17 t9", "templates": ["t5 {}"]}
{"subject": "t11", "relation": "r", "object": "t20 t8", "templates": ["t5 {}"]}
)");
    return bench.run(settings);
  }
  testing::TempDir folder_;
};

TEST_F(FactsReceipts, HoldOnTheModelItself) {
  expect_receipts_hold(run_on({}, {{"relation_map", "true"}, {"samples", "2"}}), 8);
}

TEST_F(FactsReceipts, FailForACacheThatGivesOtherSteps) {
  expect_fails(run_on(testing::off_where([](const AskedForward& f) { return f.continues; })),
               "chain_of_conditionals_equals_one_forward");
}

TEST_F(FactsReceipts, FailForALogProbabilityAboveZero) {
  const auto model = testing::sample_with_words("gpt2");
  const auto receipt = [&](const std::vector<double>& second) {
    std::vector<PromptScores> scores(2);
    scores[0].log_probability = {-0.5, 0.0};
    scores[1].log_probability = second;
    return log_probabilities_are_not_positive(*model, scores);
  };
  EXPECT_TRUE(receipt({-7.0}).passed);
  // The larger of two logits, 2 and 1, less the logarithm of a sum that lacks it: 2 - ln e^1.
  EXPECT_FALSE(receipt({1.0, -3.0}).passed);
  EXPECT_EQ(receipt({1.0, -3.0}).value, 1.0);
  EXPECT_FALSE(receipt({std::numeric_limits<double>::quiet_NaN(), -3.0}).passed);
}

TEST_F(FactsReceipts, FailForADerivativeThatDependsOnItsBatch) {
  const auto in_a_batch = [](const AskedForward& f) { return f.in_a_batch; };
  const Dataset result =
      run_on(testing::off_where(in_a_batch), {{"trace", "false"}, {"relation_map", "true"}});
  expect_fails(result, "jacobian_rows_alone_are_equal");
}

TEST_F(FactsReceipts, FailForTracesOfAFaultySweep) {
  expect_fails(run_on(testing::deaf(), {{"samples", "2"}}), "no_write_was_without_effect");
  const Dataset result = run_on(
      testing::off_where([](const AskedForward& f) { return f.is_partial; }), {{"samples", "2"}});
  expect_fails(result, "replacing_every_position_gives_the_source_metric");
  expect_fails(result, "batched_equals_single");
}

}  // namespace
}  // namespace lensbench::facts
