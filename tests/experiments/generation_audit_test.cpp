#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"

// Every column of the table against plain loops over the tokens that each case generated.

namespace lensbench {
namespace {

using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

/// What the written definitions say of one case.
struct Line {
  double tokens = 0, surprisal = 0, entropy = 0, off_first = 0, jumps = 0;
};

Line line_of(const Dataset& audit, double threshold) {
  Line line;
  for (std::int64_t token = 0; token < audit.dim("token"); ++token) {
    if (value_at(audit, "generated", {token}) == 0) continue;
    ++line.tokens;
    line.surprisal += -std::log(value_at(audit, "chosen_probability", {token}));
    line.entropy += value_at(audit, "entropy", {token});
    line.off_first += value_at(audit, "chosen_rank", {token}) > 1 ? 1 : 0;
    line.jumps += value_at(audit, "entropy_score", {token}) > threshold ? 1 : 0;
  }
  // Without a token 0/0 is NaN, as it should be.
  line.surprisal /= line.tokens;
  line.entropy /= line.tokens;
  line.off_first /= line.tokens;
  return line;
}

/// \return  the lines it expected
std::vector<Line> expect_table(const testing::ExperimentRun& run, const Values& numbers,
                               double threshold) {
  std::vector<Line> lines;
  Values tokens, perplexity, surprisal, entropy, off_first, jumps;
  for (const Dataset& audit : run.saved("audit")) {
    lines.push_back(line_of(audit, threshold));
    tokens.push_back(lines.back().tokens);
    perplexity.push_back(std::exp(lines.back().surprisal));
    surprisal.push_back(lines.back().surprisal);
    entropy.push_back(lines.back().entropy);
    off_first.push_back(lines.back().off_first);
    jumps.push_back(lines.back().jumps);
  }
  SummaryCheck check(run.report.summaries.at("summary"));
  check.equals("case", {"case"}, numbers);
  check.equals("new_tokens", {"case"}, tokens);
  check.equals("perplexity", {"case"}, perplexity);
  check.equals("surprisal", {"case"}, surprisal);
  check.equals("entropy", {"case"}, entropy);
  check.equals("off_first_choice", {"case"}, off_first);
  check.equals("entropy_jumps", {"case"}, jumps);
  check.has_nothing_else();
  return lines;
}

TEST(GenerationAudit, SumsUpTheGeneratedTokensOfEveryCaseThatRan) {
  const auto run = run_experiment(
      "generation_audit", testing::kModel, testing::prompts_with_a_broken_one(),
      {{"max_new_tokens", "20"}, {"temperature", "1"}, {"entropy_jump_threshold", "1"}}, 3);
  const auto lines = expect_table(run, {0, 1, 3, 4, 5}, 1);
  double off_first = 0, jumps = 0, tokens = 0;
  for (const Line& line : lines) {
    off_first += line.off_first;
    jumps += line.jumps;
    tokens += line.tokens;
  }
  // Otherwise the columns would be compared at 0 alone.
  EXPECT_GT(off_first, 0);
  EXPECT_GT(jumps, 0);
  EXPECT_EQ(tokens, 5 * 20);
}

TEST(GenerationAudit, HasNothingToSayOfATextThatIsNotContinued) {
  const auto run = run_experiment("generation_audit", testing::kModel,
                                  {{"a", "And God said", {}, {}}}, {{"max_new_tokens", "0"}});
  const auto lines = expect_table(run, {0}, 3.5);
  EXPECT_EQ(lines.front().tokens, 0);
  EXPECT_TRUE(std::isnan(value_at(run.report.summaries.at("summary"), "perplexity", {0})));
}

TEST(GenerationAudit, NeverLeavesTheFirstChoiceAtTemperatureZero) {
  const auto run = run_experiment("generation_audit", testing::kModel,
                                  testing::prompts_with_a_broken_one(), {{"max_new_tokens", "5"}});
  expect_table(run, {0, 1, 3, 4, 5}, 3.5);
  for (std::int64_t i = 0; i < 5; ++i)
    EXPECT_EQ(value_at(run.report.summaries.at("summary"), "off_first_choice", {i}), 0);
}

TEST(GenerationAudit, DrawsEqualPromptsOfOneRunApart) {
  const auto run = run_experiment("generation_audit", testing::kModel,
                                  {{"a", "And God said", {}, {}}, {"b", "And God said", {}, {}}},
                                  {{"max_new_tokens", "20"}, {"temperature", "1"}});
  const auto audits = run.saved("audit");
  bool same = true;
  for (std::int64_t token = 0; token < audits[0].dim("token"); ++token)
    same = same &&
           value_at(audits[0], "chosen_id", {token}) == value_at(audits[1], "chosen_id", {token});
  EXPECT_FALSE(same);
}

}  // namespace
}  // namespace lensbench
