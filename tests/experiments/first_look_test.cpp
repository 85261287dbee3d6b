#include <gtest/gtest.h>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"

namespace lensbench {
namespace {

using testing::run_experiment;
using testing::value_at;

double sum_over_tokens(const Dataset& dataset, const std::string& name) {
  double sum = 0;
  for (std::int64_t token = 0; token < dataset.dim("token"); ++token)
    sum += value_at(dataset, name, {token});
  return sum;
}

TEST(FirstLook, SavesThreeLooksAtEveryCaseAndNoSummary) {
  const auto run =
      run_experiment("first_look", testing::kModel, testing::prompts_with_a_broken_one());
  EXPECT_TRUE(run.report.summaries.empty());
  ASSERT_EQ(run.sink.committed.size(), 5u);
  for (const auto& [number, saved] : run.sink.committed) {
    EXPECT_NE(number, testing::kBrokenCase);
    ASSERT_EQ(saved.size(), 3u);
    // The target is the model's own answer: what the last layer's lens has first at the last token,
    // and what is generated first at temperature 0.
    const Dataset &lens = saved.at("lens"), &attribution = saved.at("attribution"),
                  &generation = saved.at("generation");
    const std::int64_t last = lens.dim("token") - 1;
    const double answer = value_at(lens, "top_id", {lens.dim("layer") - 1, last, 0});
    EXPECT_EQ(value_at(attribution, "target_id", {last}), answer);
    EXPECT_EQ(value_at(generation, "chosen_id", {last + 1}), answer);
    EXPECT_EQ(lens.dim("rank"), 5);
    EXPECT_EQ(sum_over_tokens(generation, "generated"), 12);
  }
}

TEST(FirstLook, GivesItsToolsWhatWasAskedFor) {
  const auto run = run_experiment("first_look", testing::kModel, {{"a", "And God said", {}, {}}},
                                  {{"target", "11"}, {"max_new_tokens", "3"}, {"top_k", "2"}});
  const auto& saved = run.sink.committed.at(0);
  EXPECT_EQ(saved.at("lens").dim("rank"), 2);
  EXPECT_EQ(saved.at("generation").dim("rank"), 2);
  EXPECT_EQ(sum_over_tokens(saved.at("generation"), "generated"), 3);
  EXPECT_EQ(value_at(saved.at("attribution"), "target_id", {0}), 11);
}

}  // namespace
}  // namespace lensbench
