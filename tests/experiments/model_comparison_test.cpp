#include <gtest/gtest.h>

#include <cmath>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"

// Every column of the table against plain loops over the scored tokens of each case: all but the
// first, which nothing predicts.

namespace lensbench {
namespace {

using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

double mean_over_tokens(const Dataset& comparison, const std::string& name) {
  double sum = 0;
  for (std::int64_t token = 1; token < comparison.dim("token"); ++token)
    sum += value_at(comparison, name, {token});
  return sum / static_cast<double>(comparison.dim("token") - 1);
}

bool parts_at(const Dataset& comparison, std::int64_t token) {
  return value_at(comparison, "top_id", {token, 0}) !=
         value_at(comparison, "other_top_id", {token, 0});
}

double top_agreement(const Dataset& comparison) {
  double same = 0;
  for (std::int64_t token = 1; token < comparison.dim("token"); ++token)
    same += parts_at(comparison, token) ? 0 : 1;
  return same / static_cast<double>(comparison.dim("token") - 1);
}

double first_parting(const Dataset& comparison) {
  for (std::int64_t token = 1; token < comparison.dim("token"); ++token)
    if (parts_at(comparison, token)) return value_at(comparison, "position", {token});
  return -1;
}

template <class Of>
Values of_each(const std::vector<Dataset>& comparisons, Of of) {
  Values values;
  for (const Dataset& comparison : comparisons) values.push_back(of(comparison));
  return values;
}

void expect_table(const testing::ExperimentRun& run, const Values& numbers) {
  const auto comparisons = run.saved("comparison");
  const auto mean_of = [&](const std::string& name) {
    return of_each(comparisons, [&](const Dataset& c) { return mean_over_tokens(c, name); });
  };
  const auto exp_of = [](Values values) {
    for (double& value : values) value = std::exp(value);
    return values;
  };
  const Values own = mean_of("surprisal"), other = mean_of("surprisal_in_other");
  Values differences;
  for (std::size_t i = 0; i < own.size(); ++i) differences.push_back(own[i] - other[i]);

  SummaryCheck check(run.report.summaries.at("summary"));
  check.equals("case", {"case"}, numbers);
  check.equals("mean_kl", {"case"}, mean_of("kl"));
  check.equals("mean_js_divergence", {"case"}, mean_of("js_divergence"));
  check.equals("top_agreement", {"case"}, of_each(comparisons, top_agreement));
  check.equals("first_parting", {"case"}, of_each(comparisons, first_parting));
  check.equals("perplexity", {"case"}, exp_of(own));
  check.equals("perplexity_in_other", {"case"}, exp_of(other));
  // One test, so that there is nothing to correct for.
  const double p = testing::reference::sign_flip_p(differences);
  check.equals("log_perplexity_difference", {}, Values{testing::reference::mean(differences)});
  check.equals("log_perplexity_p", {}, Values{p});
  check.equals("log_perplexity_p_adjusted", {}, Values{p});
  check.equals("log_perplexity_effect_size", {},
               Values{testing::reference::cohens_d_z(differences)});
  check.has_nothing_else();
}

TEST(ModelComparison, SumsUpTheScoredTokensOfEveryCaseThatRan) {
  const auto run =
      run_experiment("model_comparison", testing::kModel, testing::prompts_with_a_broken_one(),
                     {{"other", testing::kModel + "/checkpoints/step-400"}});
  expect_table(run, {0, 1, 3, 4, 5});
  EXPECT_EQ(run.report.summaries.at("summary").attributes.at("other"),
            Attribute(std::string("step-400")));
}

TEST(ModelComparison, FindsAModelEqualToItself) {
  const auto run =
      run_experiment("model_comparison", testing::kModel, testing::prompts_with_a_broken_one(),
                     {{"other", testing::kModel}});
  expect_table(run, {0, 1, 3, 4, 5});
  const Dataset& table = run.report.summaries.at("summary");
  for (std::int64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(value_at(table, "top_agreement", {i}), 1);
    EXPECT_EQ(value_at(table, "first_parting", {i}), -1);
  }
  EXPECT_EQ(value_at(table, "log_perplexity_p", {}), 1);
}

}  // namespace
}  // namespace lensbench
