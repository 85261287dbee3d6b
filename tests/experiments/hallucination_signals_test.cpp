#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <lensbench/random.hpp>
#include <nlohmann/json.hpp>

#include "experiments/experiment_run.hpp"
#include "experiments/handmade_summary.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/error_matchers.hpp"

// Signals against plain loops over the tokens of each answer, scores against loops over pairs of
// cases and against scikit-learn (tests/parity/hallucination_signals_reference.py).

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::IntervalEnds;
using testing::reference::Values;

constexpr double kResamples = 10'000;
const std::vector<std::string> kSignalNames = {"surprisal", "entropy", "margin", "dispersion",
                                               "entropy_jumps"};
const std::string kHallucination = "hallucination_signals";

CaseInput judged(const std::string& id, const std::string& prompt, const std::string& answer,
                 const std::string& label) {
  return {id, prompt, {}, {{"answer", answer}, {"label", label}}};
}

std::vector<CaseInput> five_answers() {
  return {judged("moses", "And the LORD spake unto", " Moses, saying,", "0"),
          judged("goliath", "And the LORD spake unto", " Goliath, saying,", "1"),
          judged("jacob", " the God of Abraham, of Isaac, and of", " Jacob", "0"),
          judged("pharaoh", " the God of Abraham, of Isaac, and of", " Pharaoh king", "1"),
          judged("egypt", "out of the land of", " Egypt, by a strong hand", "0")};
}

/// Signals of an answer, in the order of `kSignalNames`.
Values signals_of(const Dataset& tokens, double threshold) {
  Values surprisal;
  double entropy = 0, margin = 0, jumps = 0;
  for (std::int64_t i = 0; i < tokens.dim("token"); ++i) {
    if (value_at(tokens, "in_answer", {i}) == 0) continue;
    surprisal.push_back(-std::log(value_at(tokens, "chosen_probability", {i})));
    entropy += value_at(tokens, "entropy", {i});
    margin += value_at(tokens, "margin", {i});
    jumps += value_at(tokens, "entropy_score", {i}) > threshold ? 1 : 0;
  }
  const auto n = static_cast<double>(surprisal.size());
  const double mean = testing::reference::mean(surprisal);
  double squares = 0;
  for (const double one : surprisal) squares += (one - mean) * (one - mean);
  return {mean, entropy / n, margin / n, std::sqrt(squares / n), jumps / n};
}

/// Share of pairs whose case with label 1 has the larger score, by all pairs.
double pairs_won(const Values& scores, const std::vector<int>& labels,
                 const std::vector<std::size_t>& cases) {
  double won = 0, pairs = 0;
  for (const std::size_t i : cases)
    for (const std::size_t k : cases) {
      if (labels[i] != 1 || labels[k] != 0) continue;
      won += scores[i] > scores[k] ? 1 : scores[i] == scores[k] ? 0.5 : 0;
      ++pairs;
    }
  return won / pairs;  // NaN without pairs
}

TEST(HallucinationSignals, MeasuresTheTokensOfEachAnswer) {
  const auto run = run_experiment(kHallucination, testing::kModel, five_answers(),
                                  {{"folds", "2"}, {"entropy_jump_threshold", "0.5"}});
  ASSERT_EQ(run.report.failures.size(), 0u);
  const Dataset& table = run.report.summaries.at("prediction_of_errors");
  const auto tokens = run.saved("tokens");
  double jumps = 0;
  for (std::int64_t i = 0; i < 5; ++i) {
    const Values expected = signals_of(tokens[static_cast<std::size_t>(i)], 0.5);
    for (std::int64_t s = 0; s < 5; ++s)
      EXPECT_NEAR(value_at(table, "value", {s, i}), expected[static_cast<std::size_t>(s)], 1e-6)
          << kSignalNames[static_cast<std::size_t>(s)] << " of case " << i;
    jumps += expected[4];
  }
  EXPECT_GT(jumps, 0);  // otherwise that signal would be compared at 0 alone
  // ` Moses` `,` ` saying` `,` after a prompt of five tokens.
  EXPECT_EQ(tokens[0]["in_answer"].tensor.sum().item<std::int64_t>(), 4);
  EXPECT_EQ(value_at(tokens[0], "in_answer", {4}), 0);
}

TEST(HallucinationSignals, WithoutAnswerJudgesTheWholeText) {
  const std::vector<CaseInput> cases = {
      {"a", "And God said, Let there be light", {}, {{"label", "0"}}},
      {"b", "And God said, Let there be Goliath", {}, {{"label", "1"}}}};
  const auto run = run_experiment(kHallucination, testing::kModel, cases);
  for (const Dataset& tokens : run.saved("tokens")) {
    EXPECT_EQ(value_at(tokens, "in_answer", {0}), 0);  // nothing predicted the first token
    EXPECT_EQ(tokens["in_answer"].tensor.sum().item<std::int64_t>(), tokens.dim("token") - 1);
  }
}

/// The scores of a table from its signals, labels and predictions, by plain loops.
void expect_scores(const Dataset& table, std::int64_t n, std::int64_t bins) {
  SummaryCheck check(table);
  std::vector<int> labels;
  for (std::int64_t i = 0; i < n; ++i)
    labels.push_back(static_cast<int>(value_at(table, "label", {i})));
  std::vector<std::size_t> all(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto brier = [&](const Values& predicted, const std::vector<std::size_t>& cases) {
    double sum = 0;
    for (const std::size_t i : cases) sum += std::pow(predicted[i] - labels[i], 2);
    return sum / static_cast<double>(cases.size());
  };
  Values aurocs, briers, observed, predictions, counts, errors;
  std::vector<IntervalEnds> auroc_ends, brier_ends;
  for (std::int64_t s = 0; s < 5; ++s) {
    Values doubt, predicted;
    for (std::int64_t i = 0; i < n; ++i) {
      doubt.push_back((s == 2 ? -1 : 1) * value_at(table, "value", {s, i}));
      predicted.push_back(value_at(table, "predicted", {s, i}));
    }
    aurocs.push_back(pairs_won(doubt, labels, all));
    briers.push_back(brier(predicted, all));
    auroc_ends.push_back(testing::reference::percentile_interval(
        all.size(), [&](const auto& cases) { return pairs_won(doubt, labels, cases); },
        kResamples));
    brier_ends.push_back(testing::reference::percentile_interval(
        all.size(), [&](const auto& cases) { return brier(predicted, cases); }, kResamples));
    double error = 0;
    for (std::int64_t bin = 0; bin < bins; ++bin) {
      const double width = 1.0 / static_cast<double>(bins);
      double count = 0, wrong = 0, sum = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (std::floor(predicted[i] / width) != static_cast<double>(bin)) continue;
        ++count;
        wrong += labels[i];
        sum += predicted[i];
      }
      observed.push_back(wrong / count);  // NaN without cases
      predictions.push_back(sum / count);
      counts.push_back(count);
      if (count > 0) error += std::abs(wrong - sum) / static_cast<double>(n);
    }
    errors.push_back(error);
  }
  check.equals("auroc", {"signal"}, aurocs);
  check.bounds("auroc", {"signal"}, auroc_ends);
  check.equals("brier", {"signal"}, briers);
  check.bounds("brier", {"signal"}, brier_ends);
  check.equals("calibration", {"signal", "bin"}, observed);
  check.equals("calibration_predicted", {"signal", "bin"}, predictions);
  check.equals("calibration_cases", {"signal", "bin"}, counts);
  check.equals("calibration_error", {"signal"}, errors);
  check.equals("direction", {"signal"}, {1, 1, -1, 1, 1});
  check.equals("signal", {"signal"}, kSignalNames);
}

TEST(HallucinationSignals, ScoresSignalsByThePairsTheyPutInOrder) {
  const auto run = run_experiment(kHallucination, testing::kModel, five_answers(),
                                  {{"folds", "2"}, {"bins", "3"}});
  expect_scores(run.report.summaries.at("prediction_of_errors"), 5, 3);
  // The share of wrong answers elsewhere: the folds are cases 0, 4, 3 and cases 2, 1.
  const Dataset& table = run.report.summaries.at("prediction_of_errors");
  const Values folds = {0, 1, 1, 0, 0};
  double sum = 0;
  for (std::int64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(value_at(table, "fold", {i}), folds[static_cast<std::size_t>(i)]);
    const double elsewhere = folds[static_cast<std::size_t>(i)] == 0 ? 1.0 / 2 : 1.0 / 3;
    sum += std::pow(elsewhere - value_at(table, "label", {i}), 2) / 5;
  }
  EXPECT_NEAR(value_at(table, "brier_base_rate", {}), sum, 1e-12);
}

/// Cases that no model ran. \param signals  [signal][case]
Dataset summary_of(const std::vector<Values>& signals, const std::vector<int>& labels,
                   const std::vector<std::string>& groups, const Settings& set) {
  std::vector<Dataset> cases;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    Values values;
    for (const Values& signal : signals) values.push_back(signal[i]);
    Dataset one;
    one.add_coordinate("signal", kSignalNames);
    one.add("value", {"signal"}, at::tensor(values, at::kDouble), "1", "signal");
    cases.push_back(std::move(one));
  }
  testing::HandmadeSummary summary("signals", std::move(cases));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    summary.inputs.push_back({"case-" + std::to_string(i), "", {}, {}});
    summary.inputs.back().fields["label"] = std::to_string(labels[i]);
    if (!groups.empty()) summary.inputs.back().fields["group"] = groups[i];
  }
  summary.values = testing::parameters_of(kHallucination, set);
  testing::finish_experiment(kHallucination, summary);
  return summary.saved.at("prediction_of_errors");
}

TEST(HallucinationSignals, AgreesWithScikitLearn) {
  const auto expected = nlohmann::json::parse(
      std::ifstream(testing::data_folder() + "/hallucination_signals/samples.json"));
  const std::vector<int> labels = expected["labels"];
  const std::vector<int> folds = expected["folds"];
  std::vector<Values> signals;
  for (const auto& name : kSignalNames) signals.push_back(expected["signals"][name]["value"]);
  const Dataset table = summary_of(signals, labels, expected["groups"],
                                   {{"folds", std::to_string(expected["n_folds"].get<int>())},
                                    {"bins", std::to_string(expected["bins"].get<int>())}});
  for (std::int64_t i = 0; i < std::ssize(labels); ++i)
    EXPECT_EQ(value_at(table, "fold", {i}), folds[static_cast<std::size_t>(i)]) << i;
  for (std::int64_t s = 0; s < 5; ++s) {
    const auto& one = expected["signals"][kSignalNames[static_cast<std::size_t>(s)]];
    EXPECT_NEAR(value_at(table, "auroc", {s}), one["auroc"].get<double>(), 1e-12) << s;
    // The fit ends at a gradient of 1e-6 or less, with curvatures of 1 or more.
    EXPECT_NEAR(value_at(table, "brier", {s}), one["brier"].get<double>(), 1e-6) << s;
    const Values predicted = one["predicted"];
    for (std::int64_t i = 0; i < std::ssize(labels); ++i)
      EXPECT_NEAR(value_at(table, "predicted", {s, i}), predicted[static_cast<std::size_t>(i)],
                  1e-6);
    // scikit-learn leaves out bins without cases.
    std::size_t filled = 0;
    for (std::int64_t bin = 0; bin < expected["bins"].get<std::int64_t>(); ++bin) {
      if (value_at(table, "calibration_cases", {s, bin}) == 0) continue;
      ASSERT_LT(filled, one["calibration"].size());
      EXPECT_NEAR(value_at(table, "calibration", {s, bin}),
                  one["calibration"][filled].get<double>(), 1e-12);
      EXPECT_NEAR(value_at(table, "calibration_predicted", {s, bin}),
                  one["calibration_predicted"][filled].get<double>(), 1e-6);
      ++filled;
    }
    EXPECT_EQ(filled, one["calibration"].size());
  }
}

TEST(HallucinationSignals, OfLabelsDrawnAtRandomHasIntervalsAroundOneHalf) {
  // 150 intervals of 95 %: at least 87 % hold 1/2, four standard errors below 95 % being 87.9 %,
  // and percentile intervals of 40 cases being a little too narrow.
  int holding = 0, all = 0;
  for (std::uint64_t run = 0; run < 30; ++run) {
    Philox random(17, run);
    std::vector<Values> signals(5);
    std::vector<int> labels;
    for (int i = 0; i < 40; ++i) {
      labels.push_back(static_cast<int>(random.below(2)));
      for (Values& signal : signals) signal.push_back(random.normal());
    }
    const Dataset table = summary_of(signals, labels, {}, {});
    for (std::int64_t s = 0; s < 5; ++s, ++all)
      if (value_at(table, "auroc_interval", {0, s}) <= 0.5 &&
          value_at(table, "auroc_interval", {1, s}) >= 0.5)
        ++holding;
  }
  EXPECT_EQ(all, 150);
  EXPECT_GE(holding, 0.87 * all);
}

TEST(HallucinationSignals, KeepsGroupsTogether) {
  // Two groups, one of each label: outside of either fold a label is missing.
  const Values signal = {1, 2, 3, 4};
  const Dataset table = summary_of({signal, signal, signal, signal, signal}, {0, 0, 1, 1},
                                   {"a", "a", "b", "b"}, {{"folds", "2"}});
  EXPECT_EQ(value_at(table, "fold", {0}), value_at(table, "fold", {1}));
  EXPECT_NE(value_at(table, "fold", {1}), value_at(table, "fold", {2}));
  EXPECT_TRUE(std::isnan(value_at(table, "brier", {0})));
  EXPECT_EQ(value_at(table, "auroc", {0}), 1);
}

TEST(HallucinationSignals, RefusesCasesWithoutUsableLabels) {
  const auto failure = [](const std::function<void(std::vector<CaseInput>&)>& change) {
    auto cases = five_answers();
    change(cases);
    return message_of<InputError>([&] { run_experiment(kHallucination, testing::kModel, cases); });
  };
  EXPECT_THAT(failure([](auto& cases) { cases[3].fields.erase("label"); }),
              AllOf(HasSubstr("case 'pharaoh': the field 'label' is missing"),
                    HasSubstr("write \"label\": 0")));
  EXPECT_THAT(failure([](auto& cases) { cases[1].fields["label"] = "yes"; }),
              HasSubstr("case 'goliath': the field 'label' is 'yes'"));
  EXPECT_THAT(
      failure([](auto& cases) {
        for (CaseInput& one : cases) one.fields["label"] = "1";
      }),
      AllOf(HasSubstr("all 5 cases have the label 1"), HasSubstr("add cases with the label 0")));
}

TEST(HallucinationSignals, RefusesAnswersItCannotRead) {
  const auto failure = [](const CaseInput& bad) {
    auto cases = five_answers();
    cases.push_back(bad);
    const auto run = run_experiment(kHallucination, testing::kModel, cases);
    EXPECT_EQ(run.report.completed.size(), 5u);
    return run.report.failures.empty() ? "" : run.report.failures.front().message;
  };
  EXPECT_THAT(failure(judged("empty", "And God said", "", "0")), HasSubstr("'answer' is empty"));
  EXPECT_THAT(failure({"ids", "", {5, 6}, {{"answer", " light"}, {"label", "0"}}}),
              HasSubstr("ids instead of a text"));
  EXPECT_THAT(failure({"one", "", {5}, {{"label", "0"}}}), HasSubstr("lacks a token"));
}

}  // namespace
}  // namespace lensbench
