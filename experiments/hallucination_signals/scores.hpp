#pragma once

#include <cstdint>
#include <vector>

namespace hallucination_signals {

/// Area under the receiver operating characteristic: the share of pairs of a case with label 1 and
/// one with label 0 in which the first has the larger score; equal scores count half (Mann and
/// Whitney 1947). NaN if a label is missing.
/// \param scores  one for each case
/// \param labels  1 or 0 for each case
/// \param cases   indices of the cases to compare, with repetitions
double auroc(const std::vector<double>& scores, const std::vector<int>& labels,
             const std::vector<std::size_t>& cases);

/// Probability of label 1 of each case by a logistic regression on one signal, fitted on all other
/// folds: the signal is divided by its standard deviation there after its mean is subtracted, and
/// the squared weight is penalised with 1/2. NaN for cases of a fold outside of which a label is
/// missing.
std::vector<double> predicted_elsewhere(const std::vector<double>& signal,
                                        const std::vector<int>& labels,
                                        const std::vector<std::int64_t>& folds);

/// Share of label 1 outside of the fold of each case: the prediction without any signal.
std::vector<double> base_rate_elsewhere(const std::vector<int>& labels,
                                        const std::vector<std::int64_t>& folds);

/// Mean of (prediction - label)^2 (Brier 1950) without missing predictions; NaN if all are missing.
/// \param cases  indices of the cases, with repetitions
double brier(const std::vector<double>& predicted, const std::vector<int>& labels,
             const std::vector<std::size_t>& cases);

/// Cases whose prediction is in one of the equal parts of [0, 1].
struct CalibrationBin {
  std::int64_t cases = 0;  ///< number of cases
  double predicted = 0;    ///< mean prediction; NaN if the bin is empty
  double observed = 0;     ///< share of label 1; NaN if the bin is empty
};

/// Predictions compared with outcomes; a prediction of 1 is in the last bin.
std::vector<CalibrationBin> calibration(const std::vector<double>& predicted,
                                        const std::vector<int>& labels, std::int64_t bins);

/// Mean difference of prediction and outcome over the bins, by the number of cases in each
/// (Naeini et al. 2015); NaN without cases.
double calibration_error(const std::vector<CalibrationBin>& bins);

}  // namespace hallucination_signals
