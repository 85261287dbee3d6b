#include "scores.hpp"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/linear_algebra.hpp>
#include <lensbench/statistics.hpp>
#include <limits>

namespace hallucination_signals {
namespace {

constexpr double kNotDetermined = std::numeric_limits<double>::quiet_NaN();
constexpr double kPenalty = 1;
// Rounding of the loss can end the iteration above the default of 1e-8. With the penalty, weights
// are then exact to 1e-6.
constexpr double kGradient = 1e-6;

/// Mean and standard deviation (divisor n).
struct Scale {
  explicit Scale(const std::vector<double>& values) : mean(lensbench::statistics::mean(values)) {
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    deviation = std::sqrt(squares / static_cast<double>(values.size()));
  }
  /// 0 for a constant signal, up to rounding.
  double operator()(double value) const {
    return deviation > 1e-12 * std::abs(mean) ? (value - mean) / deviation : 0;
  }
  double mean, deviation = 0;
};

/// Cases outside of a fold.
struct Training {
  Training(const std::vector<double>& signal, const std::vector<int>& all,
           const std::vector<std::int64_t>& folds, std::int64_t fold) {
    for (std::size_t i = 0; i < signal.size(); ++i) {
      if (folds[i] == fold) continue;
      values.push_back(signal[i]);
      labels.push_back(all[i]);
    }
  }
  bool has_both_labels() const {
    return std::find(labels.begin(), labels.end(), 0) != labels.end() &&
           std::find(labels.begin(), labels.end(), 1) != labels.end();
  }
  std::vector<double> values;
  std::vector<std::int64_t> labels;
};

}  // namespace

double auroc(const std::vector<double>& scores, const std::vector<int>& labels,
             const std::vector<std::size_t>& cases) {
  std::vector<std::pair<double, int>> sorted;
  sorted.reserve(cases.size());
  for (const std::size_t i : cases) sorted.emplace_back(scores[i], labels[i]);
  std::sort(sorted.begin(), sorted.end());
  double wins = 0, ones = 0, zeros = 0;
  for (std::size_t first = 0; first < sorted.size();) {
    double equal_ones = 0, equal_zeros = 0;
    std::size_t next = first;
    for (; next < sorted.size() && sorted[next].first == sorted[first].first; ++next)
      (sorted[next].second == 1 ? equal_ones : equal_zeros) += 1;
    wins += equal_ones * (zeros + equal_zeros / 2);
    ones += equal_ones;
    zeros += equal_zeros;
    first = next;
  }
  return ones > 0 && zeros > 0 ? wins / (ones * zeros) : kNotDetermined;
}

std::vector<double> predicted_elsewhere(const std::vector<double>& signal,
                                        const std::vector<int>& labels,
                                        const std::vector<std::int64_t>& folds) {
  std::vector<double> predicted(signal.size(), kNotDetermined);
  const std::int64_t last = *std::max_element(folds.begin(), folds.end());
  for (std::int64_t fold = 0; fold <= last; ++fold) {
    const Training training(signal, labels, folds, fold);
    if (!training.has_both_labels()) continue;
    const Scale scale(training.values);
    std::vector<double> scaled;
    scaled.reserve(training.values.size());
    for (const double value : training.values) scaled.push_back(scale(value));
    const auto fit = lensbench::linear_algebra::fit_logistic(
        at::tensor(scaled, at::kDouble).unsqueeze(1), at::tensor(training.labels, at::kLong),
        {.lambda = kPenalty, .tolerance = kGradient});
    const double weight = fit.weights[0].item<double>();
    for (std::size_t i = 0; i < signal.size(); ++i)
      if (folds[i] == fold)
        predicted[i] = 1 / (1 + std::exp(-(weight * scale(signal[i]) + fit.intercept)));
  }
  return predicted;
}

std::vector<double> base_rate_elsewhere(const std::vector<int>& labels,
                                        const std::vector<std::int64_t>& folds) {
  std::vector<double> rate;
  rate.reserve(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    double ones = 0, all = 0;
    for (std::size_t k = 0; k < labels.size(); ++k) {
      if (folds[k] == folds[i]) continue;
      ones += labels[k];
      all += 1;
    }
    rate.push_back(all > 0 ? ones / all : kNotDetermined);
  }
  return rate;
}

double brier(const std::vector<double>& predicted, const std::vector<int>& labels,
             const std::vector<std::size_t>& cases) {
  double squares = 0, scored = 0;
  for (const std::size_t i : cases) {
    if (std::isnan(predicted[i])) continue;
    squares += std::pow(predicted[i] - labels[i], 2);
    scored += 1;
  }
  return scored > 0 ? squares / scored : kNotDetermined;
}

std::vector<CalibrationBin> calibration(const std::vector<double>& predicted,
                                        const std::vector<int>& labels, std::int64_t bins) {
  std::vector<CalibrationBin> result(static_cast<std::size_t>(bins));
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    if (std::isnan(predicted[i])) continue;
    const auto bin =
        std::min(static_cast<std::int64_t>(predicted[i] * static_cast<double>(bins)), bins - 1);
    CalibrationBin& one = result[static_cast<std::size_t>(bin)];
    ++one.cases;
    one.predicted += predicted[i];
    one.observed += labels[i];
  }
  for (CalibrationBin& one : result) {
    const auto n = static_cast<double>(one.cases);
    one.predicted = one.cases > 0 ? one.predicted / n : kNotDetermined;
    one.observed = one.cases > 0 ? one.observed / n : kNotDetermined;
  }
  return result;
}

double calibration_error(const std::vector<CalibrationBin>& bins) {
  double sum = 0, all = 0;
  for (const CalibrationBin& bin : bins) {
    if (bin.cases == 0) continue;
    sum += static_cast<double>(bin.cases) * std::abs(bin.predicted - bin.observed);
    all += static_cast<double>(bin.cases);
  }
  return all > 0 ? sum / all : kNotDetermined;
}

}  // namespace hallucination_signals
