#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "experiments/biased_model.hpp"
#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/temp_dir.hpp"

// A planted model whose last block adds b to the logit of one term, and two moments of the embedded
// model, whose log odds are computed again from forwards that end at each layer.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

const std::string kDomainShift = "domain_shift";
const std::string kStep400 = testing::kModel + "/checkpoints/step-400";

TEST(DomainShift, OfAPlantedBiasIsTheBiasAtTheLastLayerAlone) {
  const double bias = 1.5;
  const testing::TempDir folder;
  testing::biased_model(0).write(folder / "base");
  testing::biased_model(bias).write(folder / "tuned");
  folder.write("terms.txt", "t3\n");
  const auto run = run_experiment(
      kDomainShift, folder / "base", {{"a", "t0 t1 t3", {}, {}}, {"b", "t2 t2", {}, {}}},
      {{"tuned", (folder / "tuned").string()}, {"terms", (folder / "terms.txt").string()}});
  ASSERT_EQ(run.report.failures.size(), 0u) << run.report.failures.front().message;
  for (const Dataset& one : run.saved("log_odds")) {
    EXPECT_TRUE(one.receipts.front().passed);
    for (std::int64_t layer = 0; layer <= 2; ++layer)
      for (std::int64_t token = 0; token < one.dim("token"); ++token)
        EXPECT_NEAR(value_at(one, "shift", {layer, token}), layer == 2 ? bias : 0, 1e-5);
  }
  // The input t0 has the logit 1, the four others 0: ln(1 / (e + 3)). Only t3 itself has e
  // against 4.
  const Dataset first = run.saved("log_odds").front();
  EXPECT_NEAR(value_at(first, "term_log_odds", {0, 0, 0}), -std::log(std::exp(1.0) + 3), 1e-5);
  EXPECT_NEAR(value_at(first, "term_log_odds", {0, 0, 2}), 1 - std::log(4.0), 1e-5);
  const Dataset& table = run.report.summaries.at("domain_shift");
  for (std::int64_t layer = 0; layer <= 2; ++layer) {
    EXPECT_NEAR(value_at(table, "shift_mean", {layer}), layer == 2 ? bias : 0, 1e-5);
    EXPECT_NEAR(value_at(table, "term_shift_mean", {layer, 0}), layer == 2 ? bias : 0, 1e-5);
  }
}

TEST(DomainShift, OfSeveralTermsAddsTheirProbabilities) {
  // A bias on t3 alone, terms t3 and t1: with the input t0, p = 2 / (e + 4) becomes
  // (1 + e^b) / (e + 3 + e^b).
  const double bias = 0.75, e = std::exp(1.0);
  const testing::TempDir folder;
  testing::biased_model(0).write(folder / "base");
  testing::biased_model(bias).write(folder / "tuned");
  folder.write("terms.txt", "t3\r\n\nt1");
  const auto run = run_experiment(
      kDomainShift, folder / "base", {{"a", "t0", {}, {}}},
      {{"tuned", (folder / "tuned").string()}, {"terms", (folder / "terms.txt").string()}});
  const Dataset one = run.saved("log_odds").front();
  EXPECT_NEAR(value_at(one, "term_log_odds", {0, 2, 0}), std::log(2 / (e + 2)), 1e-5);
  EXPECT_NEAR(value_at(one, "term_log_odds", {1, 2, 0}), std::log((1 + std::exp(bias)) / (e + 2)),
              1e-5);
  EXPECT_EQ(one["term"].strings, (std::vector<std::string>{"t3", "t1"}));
  // Log odds of t1 alone: 1 against e + 2 + e^b in the tuned model.
  EXPECT_NEAR(value_at(one, "term_shift", {2, 1}),
              std::log(e + 3) - std::log(e + 2 + std::exp(bias)), 1e-5);
}

TEST(DomainShift, SumsUpOverTexts) {
  const testing::TempDir folder;
  folder.write("terms.txt", " Jacob\n Moses\n");
  const auto run =
      run_experiment(kDomainShift, kStep400, testing::prompts_with_a_broken_one(),
                     {{"tuned", testing::kModel}, {"terms", (folder / "terms.txt").string()}});
  EXPECT_EQ(run.report.failures.size(), 1u);  // the broken one
  const std::shared_ptr<const Model> models[] = {Model::open(kStep400),
                                                 Model::open(testing::kModel)};
  const std::vector<std::int64_t> ids = {to_single_token(*models[0], " Jacob"),
                                         to_single_token(*models[0], " Moses")};
  SummaryCheck::Columns shifts(7), by_term(14), odds(14);
  for (const Dataset& one : run.saved("log_odds")) {
    const std::int64_t n = one.dim("token");
    std::vector<std::int64_t> text;
    for (std::int64_t token = 0; token < n; ++token)
      text.push_back(static_cast<std::int64_t>(value_at(one, "input_id", {token})));
    for (std::int64_t layer = 0; layer < 7; ++layer) {
      Values together[2], single[2];
      for (std::size_t m = 0; m < 2; ++m) {
        ForwardOptions options{.logits = ForwardOptions::Logits::none};
        options.stop_at_layer = layer;
        const Model& model = *models[m];
        const auto stream =
            model.forward(make_batch(tokens_from_ids(model, text)), options).residual[0];
        const at::Tensor p = model.unembed(model.final_norm(stream)).to(at::kDouble).softmax(-1);
        for (std::int64_t token = 0; token < n; ++token) {
          double sum = 0;
          for (std::size_t t = 0; t < 2; ++t) {
            const double one_p = p[token][ids[t]].item<double>();
            sum += one_p;
            single[m].push_back(std::log(one_p / (1 - one_p)));
          }
          together[m].push_back(std::log(sum / (1 - sum)));
          EXPECT_NEAR(value_at(one, "term_log_odds", {static_cast<std::int64_t>(m), layer, token}),
                      together[m].back(), 1e-4);
        }
      }
      double shift = 0, of_terms[2] = {0, 0}, mean[2] = {0, 0};
      for (std::int64_t token = 0; token < n; ++token) {
        const auto i = static_cast<std::size_t>(token);
        EXPECT_NEAR(value_at(one, "shift", {layer, token}), together[1][i] - together[0][i], 1e-4);
        shift += value_at(one, "shift", {layer, token}) / static_cast<double>(n);
        for (std::size_t t = 0; t < 2; ++t) {
          of_terms[t] += (single[1][2 * i + t] - single[0][2 * i + t]) / static_cast<double>(n);
          mean[t] += value_at(one, "term_log_odds", {static_cast<std::int64_t>(t), layer, token}) /
                     static_cast<double>(n);
        }
      }
      const auto l = static_cast<std::size_t>(layer);
      shifts[l].push_back(shift);
      for (std::size_t t = 0; t < 2; ++t) {
        const double found = value_at(one, "term_shift", {layer, static_cast<std::int64_t>(t)});
        EXPECT_NEAR(found, of_terms[t], 1e-4);
        by_term[2 * l + t].push_back(found);
        odds[7 * t + l].push_back(mean[t]);
      }
    }
  }
  const Dataset& table = run.report.summaries.at("domain_shift");
  SummaryCheck check(table);
  check.describes("shift", {"layer"}, shifts);
  check.tests_against_zero("shift", {"layer"}, shifts);
  check.describes("term_shift", {"layer", "term"}, by_term);
  check.tests_against_zero("term_shift", {"layer", "term"}, by_term);
  check.describes("term_log_odds", {"model", "layer"}, odds);
  for (const char* axis : {"layer", "layer_label", "model", "term", "quantile", "bound"})
    EXPECT_TRUE(table.contains(axis)) << axis;
}

std::string shift_failure(const std::string& tuned, const std::string& terms) {
  const testing::TempDir folder;
  folder.write("terms.txt", terms);
  const auto run = run_experiment(kDomainShift, testing::kModel, {{"a", "And God said", {}, {}}},
                                  {{"tuned", tuned}, {"terms", (folder / "terms.txt").string()}});
  EXPECT_EQ(run.report.exit_code(), 3);
  return run.report.failures.empty() ? "" : run.report.failures.front().message;
}

TEST(DomainShift, RefusesTermsItCannotFollow) {
  EXPECT_THAT(shift_failure(kStep400, " Jacob\n Nebuchadnezzarite\n"),
              AllOf(HasSubstr("terms.txt:2: "), HasSubstr("Nebuchadnezzarite")));
  EXPECT_THAT(shift_failure(kStep400, " Jacob\n\n Jacob\n"),
              AllOf(HasSubstr("terms.txt:3: "), HasSubstr("is there twice")));
  EXPECT_THAT(shift_failure(kStep400, "\n"), HasSubstr("lacks terms"));
}

TEST(DomainShift, RefusesModelsThatDoNotFit) {
  EXPECT_THAT(shift_failure(testing::data_folder() + "/models/gpt2", " Jacob\n"),
              AllOf(HasSubstr("parameter 'tuned'"), HasSubstr("expected 6")));
  EXPECT_THAT(shift_failure(testing::data_folder() + "/models/bert", " Jacob\n"),
              HasSubstr("masked"));
}

}  // namespace
}  // namespace lensbench
