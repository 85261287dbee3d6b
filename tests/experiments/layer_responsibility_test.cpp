#include <gtest/gtest.h>

#include <cmath>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"

// Every variable of the summary against plain loops over what the cases saved, at the last token.

namespace lensbench {
namespace {

using testing::ExperimentRun;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

// The embedded model has 6 layers: an output of attention and of the MLP each, two embeddings and
// the bias.
constexpr std::int64_t kLayers = 6, kComponents = 15;
const std::vector<std::string> kLabels = {"embed",      "pos_embed", "0_attn_out", "0_mlp_out",
                                          "1_attn_out", "1_mlp_out", "2_attn_out", "2_mlp_out",
                                          "3_attn_out", "3_mlp_out", "4_attn_out", "4_mlp_out",
                                          "5_attn_out", "5_mlp_out", "bias"};

/// Values of one element of a variable [..., token] at the last token of each case.
Values over_cases(const std::vector<Dataset>& cases, const std::string& name,
                  std::vector<std::int64_t> element) {
  Values values;
  for (const Dataset& attribution : cases) {
    auto index = element;
    index.push_back(attribution.dim("token") - 1);
    values.push_back(value_at(attribution, name, index));
  }
  return values;
}

SummaryCheck::Columns columns(const std::vector<Dataset>& cases, const std::string& name,
                              std::int64_t elements, const std::vector<std::int64_t>& front = {}) {
  SummaryCheck::Columns all;
  for (std::int64_t i = 0; i < elements; ++i) {
    auto element = front;
    element.push_back(i);
    all.push_back(over_cases(cases, name, element));
  }
  return all;
}

bool is_ablated(const std::string& component) {
  return component.ends_with("_attn_out") || component.ends_with("_mlp_out");
}

/// A correlation, over the components that are ablated, of what they add on average with what is
/// lost on average without them.
template <class Correlation>
double agreement(const SummaryCheck::Columns& added, const SummaryCheck::Columns& effects,
                 Correlation correlation) {
  Values direct, lost;
  for (std::size_t c = 0; c < kLabels.size(); ++c) {
    if (!is_ablated(kLabels[c])) continue;
    direct.push_back(testing::reference::mean(added[c]));
    lost.push_back(-testing::reference::mean(effects[c]));
  }
  return correlation(direct, lost);
}

/// \param kinds  of ablation, in the order asked for
void expect_responsibility(const ExperimentRun& run, const std::vector<std::string>& kinds) {
  const auto cases = run.saved("attribution");
  const Dataset& found = run.report.summaries.at("responsibility");
  SummaryCheck check(found);
  check.equals("component", {"component"}, kLabels);
  check.equals("layer", {"layer"}, Values{0, 1, 2, 3, 4, 5});
  check.equals("quantile", {"quantile"}, Values{0.25, 0.5, 0.75});
  check.equals("bound", {"bound"}, std::vector<std::string>{"low", "high"});

  const auto added = columns(cases, "logit_contribution", kComponents);
  check.describes("logit_contribution", {"component"}, added);
  check.tests_against_zero("logit_contribution", {"component"}, added);
  const auto by_layer = columns(cases, "layer_contribution", kLayers);
  check.describes("layer_contribution", {"layer"}, by_layer);
  check.tests_against_zero("layer_contribution", {"layer"}, by_layer);

  if (!kinds.empty()) {
    check.equals("ablation", {"ablation"}, kinds);
    SummaryCheck::Columns effects;
    Values pearson, spearman;
    for (std::int64_t kind = 0; kind < std::ssize(kinds); ++kind) {
      const auto of_kind = columns(cases, "ablation_effect", kComponents, {kind});
      effects.insert(effects.end(), of_kind.begin(), of_kind.end());
      pearson.push_back(agreement(added, of_kind, testing::reference::pearson));
      spearman.push_back(agreement(added, of_kind, testing::reference::spearman));
    }
    check.describes("ablation_effect", {"ablation", "component"}, effects);
    check.tests_against_zero("ablation_effect", {"ablation", "component"}, effects);
    check.equals("pearson", {"ablation"}, pearson);
    check.equals("spearman", {"ablation"}, spearman);
  }
  check.has_nothing_else();
  EXPECT_EQ(found.attributes.at("cases"), Attribute(std::ssize(cases)));
  EXPECT_EQ(found.attributes.at("position"), Attribute(std::string("last")));
}

TEST(LayerResponsibility, DescribesTheLastTokenOfEveryCaseThatRan) {
  const auto run =
      run_experiment("layer_responsibility", testing::kModel, testing::prompts_with_a_broken_one());
  ASSERT_EQ(run.report.completed, (std::vector<std::int64_t>{0, 1, 3, 4, 5}));
  expect_responsibility(run, {"zero", "mean_of_prompt"});
}

TEST(LayerResponsibility, AveragesOverThePromptsOfAllCasesThatCanBeTokenized) {
  const auto run = run_experiment("layer_responsibility", testing::kModel,
                                  testing::prompts_with_a_broken_one(), {{"ablation", "mean"}});
  expect_responsibility(run, {"mean"});
  for (const Dataset& dataset : run.saved("attribution"))
    EXPECT_EQ(dataset.attributes.at("reference_prompts"), Attribute(std::int64_t{5}));
}

TEST(LayerResponsibility, HasNoAblationsWhereNoneWasAskedFor) {
  const auto run = run_experiment("layer_responsibility", testing::kModel,
                                  testing::prompts_with_a_broken_one(), {{"ablation", ""}});
  expect_responsibility(run, {});
}

TEST(LayerResponsibility, HasNoIntervalAndNoErrorOfOneCase) {
  const auto run =
      run_experiment("layer_responsibility", testing::kModel, {{"a", "And God said", {}, {}}},
                     {{"ablation", "mean_of_prompt"}});
  expect_responsibility(run, {"mean_of_prompt"});
  EXPECT_TRUE(std::isnan(
      value_at(run.report.summaries.at("responsibility"), "logit_contribution_se", {0})));
}

TEST(LayerResponsibility, ExplainsTheDifferenceToTheTokenOfEachCase) {
  const auto run =
      run_experiment("layer_responsibility", testing::kModel,
                     {{"own", "And God said", {}, {{"target", "11"}, {"versus", "12"}}},
                      {"parameter", "And God said", {}, {{"target", "11"}}},
                      {"none", "And God said", {}, {{"target", "11"}, {"versus", "13"}}}},
                     {{"versus", "13"}, {"ablation", ""}});
  const auto cases = run.saved("attribution");
  ASSERT_EQ(cases.size(), 3u);
  const Values versus = {12, 13, 13};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(value_at(cases[i], "target_id", {0}), 11);
    EXPECT_EQ(value_at(cases[i], "versus_id", {0}), versus[i]);
  }
  expect_responsibility(run, {});
}

}  // namespace
}  // namespace lensbench
