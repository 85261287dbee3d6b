#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/planted_attention.hpp"
#include "support/temp_dir.hpp"

// The planted induction model, which repeats what a passage said, and the embedded model, whose
// probabilities and gradients are computed again.

namespace lensbench {
namespace {

using ::testing::AllOf;
using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

const std::string kSources = "answer_sources";

CaseInput asked(const std::string& id, const std::string& question, const std::string& passages,
                const std::string& answer, const std::string& source = "") {
  CaseInput input{id, question, {}, {{"passages", passages}, {"answer", answer}}};
  if (!source.empty()) input.fields["source"] = source;
  return input;
}

TEST(AnswerSources, OfThePlantedModelIsThePassageWithThePair) {
  // `t1 t2` is in the second passage: after `t1` the logit of `t2` is b = 2 with it, 0 without it,
  // and 10 other logits are 0.
  const double b = 2, with = b - std::log(std::exp(b) + 10), without = -std::log(11.0);
  const testing::TempDir folder;
  testing::induction_model(10, 21, b).write(folder.path());
  const std::vector<CaseInput> cases = {
      asked("a", "t1", R"(["t3 t4", "t1 t2", "t5 t6"])", " t2", "1"),
      asked("b", "t7", R"(["t7 t9", "t3 t2", "t5 t6"])", " t9", "1")};
  const auto run = run_experiment(kSources, folder.path(), cases,
                                  {{"template", "S {passages} {question}"}, {"separator", " "}});
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  const auto all = run.saved("sources");
  EXPECT_EQ(all[0].dim("token"), 1);
  EXPECT_NEAR(value_at(all[0], "log_probability_with", {0}), with, 1e-5);
  EXPECT_NEAR(value_at(all[0], "log_probability_without", {0}), without, 1e-5);
  for (std::int64_t passage = 0; passage < 3; ++passage) {
    EXPECT_NEAR(value_at(all[0], "passage_effect", {0, passage}), passage == 1 ? with - without : 0,
                1e-5);
    EXPECT_NEAR(value_at(all[1], "passage_effect", {0, passage}), passage == 0 ? with - without : 0,
                1e-5);
  }
  // p = e^b / (e^b + 10) for t2 and 1 / (e^b + 10) for ten others, against 1 / 11 for each.
  const auto term = [](double p, double q) { return p * std::log(p / ((p + q) / 2)) / 2; };
  const double z = std::exp(b) + 10, p = std::exp(b) / z, q = 1.0 / 11;
  EXPECT_NEAR(value_at(all[0], "divergence", {0}),
              term(p, q) + term(q, p) + 10 * (term(1 / z, q) + term(q, 1 / z)), 1e-5);
  // The first case names the right source, the second one the wrong one.
  const Dataset& table = run.report.summaries.at("answer_sources");
  EXPECT_EQ(value_at(table, "found_share", {0}), 0.5);
  EXPECT_NEAR(value_at(table, "gain_mean", {}), with - without, 1e-5);
}

class EmbeddedSources : public ::testing::Test {
 protected:
  static std::vector<CaseInput> cases() {
    return {
        asked("tyre", "And Hiram king of", R"(["Hiram was king of Tyre.", "Saul was king."])",
              " Tyre sent", "0"),
        asked("nun", "And Joshua the son of",
              R"(["Caleb was the son of Jephunneh.", "Joshua was the son of Nun."])", " Nun", "1"),
        asked("egypt", "out of the land of", R"(["The king of Egypt.", "Aaron the priest."])",
              " Egypt", "0")};
  }
  static double log_probability(const Model& model, const std::string& prompt,
                                const std::string& answer) {
    const Tokens before = to_tokens(model, prompt), whole = to_tokens(model, prompt + answer);
    const at::Tensor log_p =
        model.forward(make_batch(whole)).logits[0].to(at::kDouble).log_softmax(-1);
    double sum = 0;
    for (std::int64_t i = before.size(); i < whole.size(); ++i)
      sum += log_p[i - 1][whole.ids[static_cast<std::size_t>(i)]].item<double>();
    return sum;
  }
};

TEST_F(EmbeddedSources, LeaveOutOnePassageAtATime) {
  const auto run = run_experiment(kSources, testing::kModel, cases());
  const auto model = Model::open(testing::kModel);
  const Dataset one = run.saved("sources").front();
  const std::string a = "Hiram was king of Tyre.", b = "Saul was king.", ask = "And Hiram king of",
                    answer = " Tyre sent";
  const double whole = log_probability(*model, a + "\n" + b + "\n" + ask, answer);
  EXPECT_NEAR(one["log_probability_with"].tensor.sum().item<double>(), whole, 1e-4);
  EXPECT_NEAR(one["log_probability_without"].tensor.sum().item<double>(),
              log_probability(*model, "\n" + ask, answer), 1e-4);
  EXPECT_NEAR(value_at(one, "passage_effect", {0, 0}),
              whole - log_probability(*model, b + "\n" + ask, answer), 1e-4);
  EXPECT_NEAR(value_at(one, "passage_effect", {0, 1}),
              whole - log_probability(*model, a + "\n" + ask, answer), 1e-4);
}

/// Logarithm of the answer's probability where the embeddings of some tokens are scaled.
double scaled_log_probability(const Model& model, const Tokens& tokens, std::int64_t begin,
                              std::int64_t end, std::int64_t answer_begin, double factor) {
  Hooks hooks;
  hooks.replace("hook_embed", [&](const at::Tensor& embedding, const HookPoint&) {
    at::Tensor changed = embedding.clone();
    changed[0].slice(0, begin, end).mul_(factor);
    return changed;
  });
  const at::Tensor log_p =
      model.forward(make_batch(tokens), {}, hooks).logits[0].to(at::kDouble).log_softmax(-1);
  double sum = 0;
  for (std::int64_t i = answer_begin; i < tokens.size(); ++i)
    sum += log_p[i - 1][tokens.ids[static_cast<std::size_t>(i)]].item<double>();
  return sum;
}

TEST_F(EmbeddedSources, HaveTheGradientOfScalingTheirEmbeddings) {
  // Gradient times embedding, summed over a passage, is the derivative by a common factor of its
  // embeddings: a difference quotient of 1e-2 in float32 is exact to about 1e-2 of its size.
  const auto run = run_experiment(kSources, testing::kModel, cases());
  const auto model = Model::open(testing::kModel);
  const Dataset one = run.saved("sources").front();
  const std::string a = "Hiram was king of Tyre.", b = "Saul was king.";
  const Tokens whole = to_tokens(*model, a + "\n" + b + "\n" + "And Hiram king of" + " Tyre sent");
  const std::int64_t n_a = to_tokens(*model, a).size(),
                     n_b = to_tokens(*model, a + "\n" + b).size();
  const auto answer = whole.size() - one.dim("token");
  // The line break between the passages is a token of its own, and belongs to neither.
  const std::int64_t begin_b = to_tokens(*model, a + "\n").size();
  const std::pair<std::int64_t, std::int64_t> ranges[] = {{0, n_a}, {begin_b, n_b}};
  for (std::int64_t passage = 0; passage < 2; ++passage) {
    const auto [begin, end] = ranges[passage];
    const double step = 1e-2;
    const double slope = (scaled_log_probability(*model, whole, begin, end, answer, 1 + step) -
                          scaled_log_probability(*model, whole, begin, end, answer, 1 - step)) /
                         (2 * step);
    EXPECT_NEAR(value_at(one, "passage_effect", {1, passage}), slope,
                1e-2 * std::max(1.0, std::abs(slope)));
  }
}

TEST_F(EmbeddedSources, AreSummedUpOverCases) {
  const auto run = run_experiment(kSources, testing::kModel, cases());
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  Values gain, divergence, agreement;
  Values found[2];
  for (const Dataset& one : run.saved("sources")) {
    double difference = 0, distance = 0;
    const std::int64_t n = one.dim("token");
    for (std::int64_t i = 0; i < n; ++i) {
      difference += value_at(one, "log_probability_with", {i}) -
                    value_at(one, "log_probability_without", {i});
      distance += value_at(one, "divergence", {i}) / static_cast<double>(n);
    }
    gain.push_back(difference);
    divergence.push_back(distance);
    // The ranks of two passages agree or are the opposite.
    const double by_occlusion =
        value_at(one, "passage_effect", {0, 0}) - value_at(one, "passage_effect", {0, 1});
    const double by_gradient =
        value_at(one, "passage_effect", {1, 0}) - value_at(one, "passage_effect", {1, 1});
    agreement.push_back(by_occlusion * by_gradient > 0 ? 1 : -1);
    EXPECT_NEAR(value_at(one, "passage_agreement", {}), agreement.back(), 1e-12);
    const double source = value_at(one, "source", {});
    found[0].push_back((by_occlusion > 0 ? 0 : 1) == source ? 1 : 0);
    found[1].push_back((by_gradient > 0 ? 0 : 1) == source ? 1 : 0);
  }
  SummaryCheck check(run.report.summaries.at("answer_sources"));
  check.describes("gain", {}, {gain});
  check.tests_against_zero("gain", {}, {gain});
  check.describes("divergence", {}, {divergence});
  check.describes("agreement", {}, {agreement});
  std::vector<testing::reference::IntervalEnds> ends;
  for (const Values& one : found)
    ends.push_back(testing::reference::percentile_interval(
        3,
        [&](const auto& drawn) {
          double sum = 0;
          for (const std::size_t i : drawn) sum += one[i] / 3;
          return sum;
        },
        10'000));
  check.equals("found_share", {"method"},
               Values{testing::reference::mean(found[0]), testing::reference::mean(found[1])});
  check.bounds("found_share", {"method"}, ends);
  check.equals("method", {"method"}, std::vector<std::string>{"occlusion", "gradient_x_input"});
  check.equals("quantile", {"quantile"}, Values{0.25, 0.5, 0.75});
  check.equals("bound", {"bound"}, std::vector<std::string>{"low", "high"});
  check.has_nothing_else();
}

std::string sources_failure(const std::map<std::string, std::string>& fields,
                            const Settings& set = {}) {
  const auto run =
      run_experiment(kSources, testing::kModel, {{"line-1", "And God", {}, fields}}, set);
  EXPECT_THAT(run.report.exit_code(), ::testing::AnyOf(2, 3));
  return run.report.failures.empty() ? "" : run.report.failures.front().message;
}

TEST(AnswerSources, RefusesWhatItCannotRead) {
  const std::string passages = R"(["one", "two"])";
  EXPECT_THAT(sources_failure({{"answer", " said"}}),
              AllOf(HasSubstr("case 'line-1'"), HasSubstr("'passages' is missing"),
                    HasSubstr("\"passages\": [")));
  EXPECT_THAT(sources_failure({{"answer", " said"}, {"passages", "one"}}),
              HasSubstr("is not a list"));
  EXPECT_THAT(sources_failure({{"answer", " said"}, {"passages", "[1]"}}), HasSubstr("holds 1"));
  EXPECT_THAT(sources_failure({{"passages", passages}}), HasSubstr("'answer' is missing"));
  EXPECT_THAT(sources_failure({{"passages", passages}, {"answer", " said"}, {"source", "2"}}),
              AllOf(HasSubstr("'source' is '2'"), HasSubstr("expected 0 to 1")));
  EXPECT_THAT(
      sources_failure({{"passages", passages}, {"answer", " said"}}, {{"template", "{question}"}}),
      HasSubstr("must have {passages} once"));
}

}  // namespace
}  // namespace lensbench
