// Signals of doubt as predictors of wrong answers: surprisal, entropy, margin, dispersion and jumps
// of the entropy over labelled answers, and how well each tells wrong answers from right ones.

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/token_analyzer.hpp>
#include <numeric>

#include "answer.hpp"
#include "common/group_folds.hpp"
#include "common/results.hpp"
#include "scores.hpp"

namespace hallucination_signals {
namespace {

using namespace lensbench;
using common::add_estimates;
using common::add_numbers;

constexpr auto kSignalCount = static_cast<std::int64_t>(kSignals.size());

void add_signal_axis(Dataset& dataset) {
  dataset.add_coordinate("signal", std::vector<std::string>(kSignals.begin(), kSignals.end()),
                         "number that may tell wrong answers from right ones");
}

}  // namespace

/// Labels and signals of all cases, and what is predicted from them.
struct Judgement {
  Judgement(const Summary& summary, std::int64_t n_folds) {
    signals.resize(kSignals.size());
    for (const auto number : summary.cases()) {
      const CaseInput& input = summary.input(number);
      labels.push_back(label_of(input));
      // A name that ids cannot have: cases without a group are groups of their own.
      groups.push_back(summary.field(number, "group").value_or("\n" + std::to_string(number)));
      const auto values = statistics::values_of(summary.dataset(number, "signals")["value"].tensor);
      for (std::size_t s = 0; s < values.size(); ++s) signals[s].push_back(values[s]);
    }
    folds = common::folds_of(labels, groups, n_folds);
    base_rate = base_rate_elsewhere(labels, folds);
    for (std::size_t s = 0; s < signals.size(); ++s) {
      predicted.push_back(predicted_elsewhere(signals[s], labels, folds));
      std::vector<double> doubt = signals[s];
      for (double& value : doubt) value *= kDirections[s];
      doubts.push_back(std::move(doubt));
    }
  }

  /// Area under the curve of each signal, then its Brier score.
  std::vector<double> scores(const std::vector<std::size_t>& cases) const {
    std::vector<double> all;
    all.reserve(2 * kSignals.size());
    for (const auto& doubt : doubts) all.push_back(auroc(doubt, labels, cases));
    for (const auto& one : predicted) all.push_back(brier(one, labels, cases));
    return all;
  }

  std::vector<int> labels;
  std::vector<std::string> groups;
  std::vector<std::int64_t> folds;
  std::vector<std::vector<double>> signals, doubts, predicted;  ///< [signal][case]
  std::vector<double> base_rate;
};

namespace {

std::vector<double> flat(const std::vector<std::vector<double>>& rows) {
  std::vector<double> all;
  for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  return all;
}

void add_cases(Dataset& table, const Summary& summary, const Judgement& judgement) {
  const auto n = static_cast<std::int64_t>(judgement.labels.size());
  table.add_coordinate("case", at::tensor(summary.cases(), at::kLong).to(at::kInt));
  table.add("case_id", "case", summary.ids(), "id of the case");
  table.add("label", {"case"}, at::tensor(judgement.labels, at::kInt), "1",
            "1: the answer is wrong, 0: it is right");
  table.add("fold", {"case"}, at::tensor(judgement.folds, at::kLong).to(at::kInt), "1",
            "part of the cases that is predicted from all others");
  add_numbers(table, {"value", {"signal", "case"}, "1", "signal of the answer (nats or a share)"},
              flat(judgement.signals), {kSignalCount, n});
  add_numbers(table,
              {"predicted",
               {"signal", "case"},
               "1",
               "probability that the answer is wrong, fitted on the other folds (NaN: they lack a "
               "label)"},
              flat(judgement.predicted), {kSignalCount, n});
}

void add_scores(Dataset& table, const statistics::Bootstrap& found,
                const statistics::Resampling& resampling) {
  add_estimates(table,
                {"auroc",
                 {"signal"},
                 "1",
                 "share of pairs in which the wrong answer has more doubt than the right one "
                 "(NaN: a label is missing)"},
                found, 0, {kSignalCount}, resampling);
  add_estimates(table,
                {"brier",
                 {"signal"},
                 "1",
                 "mean squared error of the predicted probability (NaN: no predictions)"},
                found, kSignals.size(), {kSignalCount}, resampling);
}

void add_base_rate(Dataset& table, const Judgement& judgement) {
  std::vector<std::size_t> all(judgement.labels.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  table.add("brier_base_rate", {},
            at::scalar_tensor(brier(judgement.base_rate, judgement.labels, all), at::kDouble), "1",
            "brier of the share of wrong answers in the other folds (NaN: one fold)");
}

void add_directions(Dataset& table) {
  table.add("direction", {"signal"},
            at::tensor(std::vector<int>(kDirections.begin(), kDirections.end()), at::kInt), "1",
            "1: the signal grows with doubt, -1: it shrinks");
}

void add_bins(Dataset& table, std::int64_t n_bins) {
  std::vector<double> edges;
  edges.reserve(static_cast<std::size_t>(n_bins));
  for (std::int64_t bin = 0; bin < n_bins; ++bin)
    edges.push_back(static_cast<double>(bin) / static_cast<double>(n_bins));
  table.add_coordinate("bin", at::tensor(edges, at::kDouble), "least prediction of the bin");
}

void add_calibration_error(Dataset& table, const std::vector<double>& errors) {
  add_numbers(table,
              {"calibration_error",
               {"signal"},
               "1",
               "mean difference of prediction and share over the bins (NaN: no predictions)"},
              errors, {kSignalCount});
}

void add_calibration(Dataset& table, const Judgement& judgement, std::int64_t n_bins) {
  std::vector<double> observed, predicted, counts, errors;
  for (const auto& one : judgement.predicted) {
    const auto bins = calibration(one, judgement.labels, n_bins);
    for (const CalibrationBin& bin : bins) {
      observed.push_back(bin.observed);
      predicted.push_back(bin.predicted);
      counts.push_back(static_cast<double>(bin.cases));
    }
    errors.push_back(calibration_error(bins));
  }
  add_bins(table, n_bins);
  const std::vector<std::int64_t> shape = {kSignalCount, n_bins};
  add_numbers(table,
              {"calibration",
               {"signal", "bin"},
               "1",
               "share of wrong answers among those with such a prediction (NaN: none)"},
              observed, shape);
  add_numbers(table,
              {"calibration_predicted",
               {"signal", "bin"},
               "1",
               "mean prediction of these answers (NaN: none)"},
              predicted, shape);
  add_numbers(table, {"calibration_cases", {"signal", "bin"}, "1", "number of these answers"},
              counts, shape);
  add_calibration_error(table, errors);
}

}  // namespace

class HallucinationSignals final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"folds", ParameterType::integer, "5", "1",
       "parts of the cases; each is predicted from all others", "[2, inf)"},
      {"bins", ParameterType::integer, "5", "1", "parts of [0, 1] for the calibration",
       "[1, 1000]"},
      {"entropy_jump_threshold", ParameterType::number, "3.5", "1",
       "robust z-score of the entropy above which a token is a jump"},
  };

  void run(Case& c) override {
    const JudgedText text = judged_text(c);
    TokenAnalyzerOptions options;
    options.top_k = 0;
    options.temperatures = {};
    options.nucleus = {};
    options.entropy_jump_threshold = c.parameters().number("entropy_jump_threshold");
    Dataset analysis = analyzer_->analyze(text.tokens, options);
    const auto values = measure(analysis, text.in_answer);
    std::vector<std::int64_t> in_answer(text.in_answer.begin(), text.in_answer.end());
    analysis.add("in_answer", {"token"}, at::tensor(in_answer, at::kLong).to(at::kChar), "1",
                 "1 at the tokens that the signals are taken from");
    c.save("tokens", std::move(analysis));
    Dataset signals;
    add_signal_axis(signals);
    add_numbers(signals, {"value", {"signal"}, "1", "signal of the answer (nats or a share)"},
                {values.begin(), values.end()}, {kSignalCount});
    c.save("signals", std::move(signals));
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    check_labels(summary);
    const Judgement judgement(summary, summary.parameters().integer("folds"));
    const statistics::Resampling resampling{.seed = summary.seed()};
    const auto found = statistics::bootstrap(
        judgement.labels.size(), [&](const auto& cases) { return judgement.scores(cases); },
        resampling, judgement.groups);

    Dataset table;
    add_signal_axis(table);
    add_scores(table, found, resampling);
    add_base_rate(table, judgement);
    add_directions(table);
    add_calibration(table, judgement, summary.parameters().integer("bins"));
    add_cases(table, summary, judgement);
    table.attributes["cases"] = static_cast<std::int64_t>(judgement.labels.size());
    table.attributes["wrong"] =
        std::accumulate(judgement.labels.begin(), judgement.labels.end(), std::int64_t{0});
    summary.save("prediction_of_errors", std::move(table));
  }

 private:
  Uses<TokenAnalyzer> analyzer_{this, "token_analyzer"};
};

}  // namespace hallucination_signals

using hallucination_signals::HallucinationSignals;

LENSBENCH_EXPERIMENT(HallucinationSignals, "hallucination_signals", "1.0.0",
                     "Do the model's own signals of doubt tell wrong answers from right ones?");
