#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/planted_names.hpp"
#include "support/temp_dir.hpp"

// A model whose heads are planted, with values by hand, and the embedded model, which does not do
// the task and whose logits are computed again one prompt at a time.

namespace lensbench {
namespace {

using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::value_at;
using testing::reference::Values;

const std::string kIdentification = "indirect_object_identification";
const CaseInput kUnused = {"case", "", {1}, {}};

std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all) text += one + "\n";
  return text;
}

/// On a model whose heads are known.
ExperimentRun run_on_planted(const std::vector<CaseInput>& cases, double logit) {
  const testing::TempDir folder;
  testing::name_model(8, logit).write(folder.path());
  return run_experiment(
      kIdentification, folder.path(), cases,
      {{"templates", folder.write("templates.txt", "so {A} and {B} , then {B} to\n")},
       {"names", folder.write("names.txt", lines(testing::planted_names(8)))},
       {"prompts", "100"},
       {"traced", "8"},
       {"top_k", "2"},
       {"edge_method", "exact"},
       {"proportions", "0.09,1"}});
}

// What the earlier passes say is the same for all cases, and the summary reads all variables at
// once, so the cost of a case does not grow with their number.
TEST(IndirectObjectIdentification, ReadsACaseAsOftenHoweverManyThereAre) {
  for (const std::size_t count : {2u, 4u}) {
    std::vector<CaseInput> cases(count, kUnused);
    for (std::size_t i = 0; i < count; ++i) cases[i].id = "case-" + std::to_string(i);
    const ExperimentRun run = run_on_planted(cases, 2);
    ASSERT_EQ(run.report.completed.size(), count);
    EXPECT_EQ(run.most_reads("prompts"), 3) << "for the second and third pass, for the summary";
    EXPECT_EQ(run.most_reads("heads"), 2) << "for the third pass, for the summary";
    EXPECT_EQ(run.most_reads("paths"), 1);
  }
}

class PlantedNames : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { run_ = new ExperimentRun(run_on_planted({kUnused}, kLogit)); }
  static void TearDownTestSuite() { delete run_; }

  static const Dataset& table(const char* name) { return run_->report.summaries.at(name); }
  /// Values of all heads, L0H0 to L1H1.
  static void expect_heads(const char* name, const Values& expected) {
    for (std::int64_t i = 0; i < 4; ++i)
      EXPECT_NEAR(value_at(table("circuit"), name, {i / 2, i % 2}),
                  expected[static_cast<std::size_t>(i)], 1e-5)
          << name << " of L" << i / 2 << "H" << i % 2;
  }

  static constexpr double kLogit = 2;
  static inline ExperimentRun* run_ = nullptr;
};

TEST_F(PlantedNames, AreAllRight) {
  ASSERT_EQ(run_->report.failures.size(), 0u) << run_->report.failures.front().message;
  const Dataset& behaviour = table("behaviour");
  EXPECT_THAT(std::get<std::string>(behaviour.attributes.at("finding")),
              HasSubstr("the model does this task: it prefers the right name in 100 % of 100"));
  // Name A has the logit b, the 12 other tokens have 0.
  const double sum = std::exp(kLogit) + 12;
  for (std::int64_t group = 0; group < 4; ++group) {
    EXPECT_EQ(value_at(behaviour, "accuracy_mean", {group}), 1);
    EXPECT_EQ(value_at(behaviour, "accuracy_interval", {0, group}), 1);
    EXPECT_NEAR(value_at(behaviour, "logit_difference_mean", {group}), kLogit, 1e-5);
    EXPECT_NEAR(value_at(behaviour, "corrupted_logit_difference_mean", {group}), 0, 1e-5);
    EXPECT_EQ(value_at(behaviour, "first_choice_mean", {group, 0}), 1);
    EXPECT_EQ(value_at(behaviour, "rank_mean", {group, 0}), 1);
    EXPECT_NEAR(value_at(behaviour, "log_probability_mean", {group, 0}), kLogit - std::log(sum),
                1e-5);
    EXPECT_NEAR(value_at(behaviour, "log_probability_mean", {group, 1}), -std::log(sum), 1e-5);
    EXPECT_EQ(value_at(behaviour, "prompts", {group}), group == 0 || group == 3 ? 100 : 50);
  }
}

TEST_F(PlantedNames, AreDifferentPrompts) {
  const Dataset prompts = run_->saved("prompts").front();
  std::set<std::vector<double>> different;
  for (std::int64_t i = 0; i < 100; ++i) {
    const double a = value_at(prompts, "a_id", {i}), b = value_at(prompts, "b_id", {i});
    EXPECT_NE(a, b);
    different.insert({value_at(prompts, "order", {i}), a, b});
  }
  EXPECT_EQ(different.size(), 100u);
}

TEST_F(PlantedNames, AreWrittenByOneHeadFromWhatAnotherOneRead) {
  // With a third name in place of the second B, L1H0 goes to A and B equally: the difference is 0,
  // and the gap b. Scores of 80 have steps of 8e-6 in float32, so that equal scores of A and B
  // differ by two steps, of which the difference has the half, times b.
  EXPECT_NEAR(value_at(table("circuit"), "gap_mean", {}), kLogit, 2e-5);
  expect_heads("direct_mean", {0, 0, kLogit, 0});
  // The query that knows B, from L0H0 or given, in the prompt with C: L1H0 goes to A and C, so that
  // A has b / 2 and B nothing. L0H0 knows B by its value. Keys: with that of B in the place of C,
  // and a query that knows C, it goes to A, B and C equally, so that A and B remain equal.
  expect_heads("z_recovery", {0.5, 0, 1, 0});
  expect_heads("q_recovery", {0, 0, 0.5, 0});
  expect_heads("k_recovery", {0, 0, 0, 0});
  expect_heads("v_recovery", {0.5, 0, 0, 0});
  for (const std::int64_t place : {0, 1, 2})
    EXPECT_NEAR(value_at(table("circuit"), "attention_mean", {place, 1, 0}), place == 0 ? 1 : 0,
                1e-6);
  EXPECT_NEAR(value_at(table("circuit"), "attention_mean", {2, 0, 0}), 1, 1e-6);
  // Uniform attention over 8 tokens.
  EXPECT_NEAR(value_at(table("circuit"), "attention_mean", {1, 1, 1}), 1.0 / 8, 1e-6);
}

TEST_F(PlantedNames, ReachTheWriterThroughItsQuery) {
  // The query that knows C, in the prompt with B: L1H0 goes to A and to both B, so that A has b / 3
  // and B 2 b / 3: the difference falls from b to -b / 3, 4/3 of the gap.
  const Dataset& paths = table("circuit_paths");
  EXPECT_EQ(paths["receiver"].strings, std::vector<std::string>{"L1H0.q"});
  EXPECT_NEAR(value_at(paths, "path_recovery", {0, 0, 0}), 4.0 / 3, 1e-5);
  EXPECT_NEAR(value_at(paths, "path_recovery", {0, 0, 1}), 0, 1e-5);
  EXPECT_TRUE(std::isnan(value_at(paths, "path_recovery", {0, 1, 0})));
}

TEST_F(PlantedNames, AreListedByHead) {
  const Dataset& top = table("top_heads");
  EXPECT_EQ(top["direct_head"].strings.front(), "L1H0");
  EXPECT_THAT(top["patched_head"].strings, ::testing::ElementsAre("L1H0", "L0H0"));
  EXPECT_EQ(top["sender"].strings, std::vector<std::string>{"L0H0"});
  EXPECT_NEAR(value_at(top, "looks_at_a", {0}), 1, 1e-6);
  EXPECT_NEAR(value_at(top, "path", {0}), 4.0 / 3, 1e-5);
  EXPECT_NEAR(value_at(top, "z", {0}), 1, 1e-5);
  EXPECT_NEAR(value_at(top, "q", {0}), 0.5, 1e-5);
  EXPECT_NEAR(value_at(top, "v", {1}), 0.5, 1e-5);
}

TEST_F(PlantedNames, AreCarriedByFourEdges) {
  // By hand, each edge alone from the prompt with C. The name at the second B reaches L0H0, and
  // from there the query of L1H0: with C it goes to A and to both B, 4/3 of the gap are lost. As
  // the key of L1H0 it is not left out, so that the values of A and B are equal, and the output of
  // L1H0 in the prompt with C has A and B equally: the gap is lost.
  const std::map<std::string, double> expected = {{"embed L0H0 v", 4 * kLogit / 3},
                                                  {"L0H0 L1H0 q", 4 * kLogit / 3},
                                                  {"embed L1H0 k", kLogit},
                                                  {"L1H0 logits in", kLogit}};
  const Dataset& edges = table("edge_circuit");
  std::size_t found = 0;
  for (std::int64_t edge = 0; edge < edges.dim("edge"); ++edge) {
    const auto i = static_cast<std::size_t>(edge);
    const std::string name = edges["source"].strings[i] + " " + edges["target"].strings[i] + " " +
                             edges["slot"].strings[i];
    const auto known = expected.find(name);
    found += known == expected.end() ? 0 : 1;
    EXPECT_NEAR(value_at(edges, "importance", {edge}), known == expected.end() ? 0 : known->second,
                1e-4)
        << name;
  }
  EXPECT_EQ(found, 4u);
}

TEST_F(PlantedNames, AreNamedByTheCircuitOfTheseEdgesInPromptsThatDidNotChooseThem) {
  // floor(0.09 * 46) = 4 edges, of 46; 4 of 8 prompts choose them.
  const Dataset& edges = table("edge_circuit");
  EXPECT_EQ(value_at(edges, "edges_kept", {0}), 4);
  EXPECT_EQ(std::get<std::int64_t>(edges.attributes.at("choosing_prompts")), 4);
  EXPECT_EQ(std::get<std::int64_t>(edges.attributes.at("measured_prompts")), 4);
  for (const std::int64_t ranking : {0, 1})
    for (const std::int64_t share : {0, 1})
      EXPECT_NEAR(value_at(edges, "faithfulness", {ranking, share}), 1, 1e-4);
  for (const std::int64_t draw : {0, 1, 2, 3, 4}) {
    // Parts of the path give at most half; four random edges of 46 are all of it once in 163,185
    // draws.
    EXPECT_LT(std::abs(value_at(edges, "random_faithfulness", {0, draw})), 0.6);
    EXPECT_NEAR(value_at(edges, "random_faithfulness", {1, draw}), 1, 1e-4);
  }
  for (const Receipt& receipt : run_->saved("edge_circuits").front().receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name;
}

class EmbeddedNames : public ::testing::Test {
 protected:
  static ExperimentRun run(std::map<std::string, std::string> set, std::int64_t cases = 1) {
    const testing::TempDir folder;
    set["templates"] = folder.write("templates.txt", lines(kTemplates));
    set["names"] = folder.write("names.txt", lines(kNames));
    set.insert({"prompts", "100"});
    std::vector<CaseInput> inputs;
    for (std::int64_t i = 0; i < cases; ++i)
      inputs.push_back({"case-" + std::to_string(i), "", {1}, {}});
    return run_experiment(kIdentification, testing::kModel, inputs, set);
  }
  /// Text of a prompt from what the result says about it.
  static std::string text_of(const Dataset& prompts, std::int64_t i, const Model& model) {
    std::string text =
        kTemplates[static_cast<std::size_t>(value_at(prompts, "template_index", {i}))];
    const auto name = [&](const char* which) {
      return model.tokenizer()
          ->token_bytes(static_cast<std::int64_t>(value_at(prompts, which, {i})))
          .substr(1);
    };
    // The first two slots are exchanged in the order BABA.
    const bool exchanged = value_at(prompts, "order", {i}) == 1;
    const std::string a = name("a_id"), b = name("b_id");
    text.replace(text.rfind("{B}"), 3, b);
    text.replace(text.find("{A}"), 3, exchanged ? b : a);
    return text.replace(text.find("{B}"), 3, exchanged ? a : b);
  }
  static inline const std::vector<std::string> kTemplates = {
      "And {A} and {B} went up, and {B} spake unto", "Then came {A} to {B}, and {B} said unto"};
  static inline const std::vector<std::string> kNames = {"David", "Moses", "Saul",   "Jacob",
                                                         "Aaron", "Peter", "Joshua", "Paul"};
};

TEST_F(EmbeddedNames, AreMeasuredAsOnePromptAtATime) {
  const auto found = run({});
  ASSERT_EQ(found.report.failures.size(), 0u) << found.report.failures.front().message;
  const auto model = Model::open(testing::kModel);
  const Dataset prompts = found.saved("prompts").front();
  for (const std::int64_t i : {0, 1, 2, 3, 49, 98, 99}) {
    const at::Tensor logits =
        model->forward(make_batch(to_tokens(*model, text_of(prompts, i, *model))))
            .logits[0][-1]
            .to(at::kDouble);
    const auto logit = [&](const char* which) {
      return logits[static_cast<std::int64_t>(value_at(prompts, which, {i}))].item<double>();
    };
    EXPECT_NEAR(value_at(prompts, "logit_difference", {i}), logit("a_id") - logit("b_id"), 1e-4);
    EXPECT_EQ(value_at(prompts, "rank", {i, 1}),
              1 + logits.gt(logit("b_id")).sum().item<std::int64_t>());
    EXPECT_NEAR(value_at(prompts, "log_probability", {i, 0}),
                logit("a_id") - std::log(logits.exp().sum().item<double>()), 1e-4);
    EXPECT_EQ(value_at(prompts, "first_choice_id", {i}), logits.argmax().item<std::int64_t>());
  }
}

TEST_F(EmbeddedNames, AreSummedUpByOrderAndTemplate) {
  const auto found = run({}, 2);
  ASSERT_EQ(found.report.failures.size(), 0u) << found.report.failures.front().message;
  const Dataset& table = found.report.summaries.at("behaviour");
  Values right[5], difference[5], rank[5];
  for (const Dataset& one : found.saved("prompts"))
    for (std::int64_t i = 0; i < 100; ++i) {
      const auto order = static_cast<int>(value_at(one, "order", {i})),
                 index = static_cast<int>(value_at(one, "template_index", {i}));
      for (const int group : {0, 1 + order, 3 + index}) {
        const double value = value_at(one, "logit_difference", {i});
        right[group].push_back(value > 0 ? 1 : 0);
        difference[group].push_back(value);
        rank[group].push_back(value_at(one, "rank", {i, 0}));
      }
    }
  using testing::reference::mean;
  using testing::reference::standard_error;
  for (std::int64_t group = 0; group < 5; ++group) {
    EXPECT_EQ(std::ssize(right[group]), group == 0 ? 200 : 100);
    EXPECT_NEAR(value_at(table, "accuracy_mean", {group}), mean(right[group]), 1e-12);
    EXPECT_NEAR(value_at(table, "rank_mean", {group, 0}), mean(rank[group]), 1e-9);
    const double middle = mean(difference[group]), error = standard_error(difference[group]);
    EXPECT_NEAR(value_at(table, "logit_difference_mean", {group}), middle, 1e-9);
    EXPECT_NEAR(value_at(table, "logit_difference_se", {group}), error, 1e-9);
    // A bootstrap of 100 values is close to the normal interval: within a fifth of its half width.
    for (const int bound : {0, 1})
      EXPECT_NEAR(value_at(table, "logit_difference_interval", {bound, group}),
                  middle + (bound == 0 ? -1.96 : 1.96) * error, 0.4 * error);
  }
}

TEST_F(EmbeddedNames, AreNotRightOftenEnoughToExamineHeads) {
  const auto found = run({{"prompts", "112"}});
  EXPECT_EQ(found.report.exit_code(), 0);
  const Dataset& table = found.report.summaries.at("behaviour");
  ASSERT_LT(value_at(table, "accuracy_mean", {0}), 0.7);
  EXPECT_THAT(std::get<std::string>(table.attributes.at("finding")),
              HasSubstr("the model does not do this task"));
  EXPECT_EQ(found.report.summaries.size(), 1u);
}

TEST_F(EmbeddedNames, HaveRecoveriesThatAreRatiosOfSums) {
  const auto found =
      run({{"minimum_accuracy", "0"}, {"traced", "4"}, {"top_k", "1"}, {"proportions", ""}}, 2);
  ASSERT_EQ(found.report.failures.size(), 0u) << found.report.failures.front().message;
  EXPECT_FALSE(found.report.summaries.contains("edge_circuit"));
  const Dataset& circuit = found.report.summaries.at("circuit");
  for (const char* input : {"z", "q", "k", "v"}) {
    double effects = 0, gaps = 0;
    for (const Dataset& one : found.saved("heads"))
      for (std::int64_t i = 2; i < 4; ++i) {  // the half that measures
        effects += value_at(one, std::string(input) + "_effect", {i, 3, 2});
        gaps += value_at(one, "gap", {i});
      }
    EXPECT_NEAR(value_at(circuit, std::string(input) + "_recovery", {3, 2}), effects / gaps, 1e-9)
        << input;
  }
  Values direct;
  for (const Dataset& one : found.saved("heads"))
    for (std::int64_t i = 2; i < 4; ++i) direct.push_back(value_at(one, "direct", {i, 5, 1}));
  EXPECT_NEAR(value_at(circuit, "direct_mean", {5, 1}), testing::reference::mean(direct), 1e-9);
  EXPECT_NEAR(value_at(circuit, "direct_p", {5, 1}), testing::reference::sign_flip_p(direct), 1e-9);
  EXPECT_EQ(std::get<std::int64_t>(circuit.attributes.at("measured_prompts")), 4);
}

TEST_F(EmbeddedNames, HaveACircuitOfEdgesWhoseFaithfulnessIsARatioOfMeans) {
  const auto found = run({{"minimum_accuracy", "0"},
                          {"traced", "4"},
                          {"edge_method", "eap"},
                          {"proportions", "0.05,1"},
                          {"random_draws", "1"}},
                         2);
  ASSERT_EQ(found.report.failures.size(), 0u) << found.report.failures.front().message;
  double importance = 0, metric = 0, all = 0, none = 0;
  for (const Dataset& one : found.saved("edges"))
    for (const std::int64_t prompt : {0, 1}) importance += value_at(one, "importance", {prompt, 7});
  for (const Dataset& one : found.saved("edge_circuits"))
    for (const std::int64_t prompt : {0, 1}) {
      EXPECT_EQ(value_at(one, "measured", {prompt}), prompt + 2);
      metric += value_at(one, "circuit_metric", {prompt, 1, 0});
      all += value_at(one, "all_metric", {prompt});
      none += value_at(one, "none_metric", {prompt});
    }
  const Dataset& edges = found.report.summaries.at("edge_circuit");
  EXPECT_NEAR(value_at(edges, "importance", {7}), importance / 4, 1e-9);
  EXPECT_NEAR(value_at(edges, "faithfulness", {1, 0}), (metric - none) / (all - none), 1e-9);
}

TEST_F(EmbeddedNames, HaveTestsThatAreCorrectedForAllHeadsAndAllPaths) {
  const auto found =
      run({{"minimum_accuracy", "0"}, {"traced", "4"}, {"top_k", "1"}, {"proportions", ""}}, 2);
  ASSERT_EQ(found.report.failures.size(), 0u) << found.report.failures.front().message;
  testing::SummaryCheck::Columns heads(24), paths(24);
  for (std::int64_t i = 0; i < 24; ++i) {
    for (const Dataset& one : found.saved("heads"))
      for (const std::int64_t prompt : {2, 3})  // the half that measures
        heads[static_cast<std::size_t>(i)].push_back(
            value_at(one, "z_effect", {prompt, i / 4, i % 4}));
    for (const Dataset& one : found.saved("paths"))
      for (const std::int64_t prompt : {0, 1})
        paths[static_cast<std::size_t>(i)].push_back(
            value_at(one, "effect", {prompt, 0, i / 4, i % 4}));
  }
  testing::SummaryCheck(found.report.summaries.at("circuit"))
      .tests_against_zero("z_recovery", {"block", "head"}, heads);
  testing::SummaryCheck(found.report.summaries.at("circuit_paths"))
      .tests_against_zero("path_recovery", {"receiver", "block", "head"}, paths);
}

}  // namespace
}  // namespace lensbench
