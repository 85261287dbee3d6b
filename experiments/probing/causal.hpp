#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace probing_experiment {

/// What one case of the measuring half gave. Metrics are NaN where it was not steered.
struct MeasuredCase {
  bool second = false;  ///< it has the second of two labels
  bool right = false;   ///< the probe reads its label
  double base = 0;      ///< metric of the unchanged run
  double moved = 0;     ///< change of the metric where the stream moved to the other label
  double removed = 0;   ///< change of the metric where the stream lost the direction
  std::vector<double> random_moved;    ///< [draw] the same along random directions
  std::vector<double> random_removed;  ///< [draw]
};

/// Numbers over cases. With M_1 and M_2 the mean metric of the two labels:
struct CausalNumbers {
  double accuracy = 0;       ///< share of cases whose label the probe reads
  double label_effect = 0;   ///< M_2 - M_1
  double moved_effect = 0;   ///< half of (mean `moved` of label 1 - mean `moved` of label 2)
  double recovered = 0;      ///< moved_effect / label_effect
  double removed_share = 0;  ///< 1 - label_effect without the direction / label_effect
  std::vector<double> random_recovered;      ///< [draw]
  std::vector<double> random_removed_share;  ///< [draw]

  /// All of them in the order of their declaration.
  std::vector<double> all() const;
};

/// \param cases    all measured cases
/// \param chosen   indices of the cases to use, with repetitions
/// \param min_gap  least size of `label_effect` by which is divided; below it ratios are NaN
CausalNumbers causal_numbers(const std::vector<MeasuredCase>& cases,
                             const std::vector<std::size_t>& chosen, double min_gap);

}  // namespace probing_experiment
