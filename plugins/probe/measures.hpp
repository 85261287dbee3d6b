#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fits.hpp"
#include "plan.hpp"
#include "scores.hpp"

namespace lensbench::probing {

/// Random samples of a bootstrap.
inline constexpr std::int64_t kSamples = 1000;

/// Held-out rows of every point, and of its controls.
struct Measured {
  std::vector<HeldOut> own, shuffled, types;  ///< [point]; empty: not asked for, or not defined
  std::vector<HeldOut> input;                 ///< one, or empty
};
Measured measured(const ProbePlan& plan, const Fits& fits);

/// Accuracy, balanced accuracy, AUROC and -ln p, in this order.
inline constexpr std::int64_t kMetrics = 4;

/// The metrics of each fold, [metric, point, fold].
at::Tensor metrics_by_fold(const ProbePlan& plan, const Measured& measured);

/// Accuracy of the controls of the plan, [control, point, fold].
at::Tensor control_accuracy(const ProbePlan& plan, const Measured& measured);

/// Accuracy minus that for labels of token types, mean over folds, [point].
at::Tensor selectivity(const ProbePlan& plan, const Measured& measured);

/// Estimates and bounds of the metrics of all held-out rows together, and of their selectivity.
struct Intervals {
  at::Tensor estimate;  ///< [metric + 1, point]; the last is the selectivity
  at::Tensor bounds;    ///< [metric + 1, bound, point]
};
/// Percentile bootstrap over groups of examples.
Intervals intervals(const ProbePlan& plan, const Measured& measured, std::uint64_t seed);

/// The best point of each fold by inner splits, and its accuracy on the fold.
struct Selected {
  at::Tensor point;     ///< [fold] int32; -1: no inner split
  at::Tensor accuracy;  ///< [fold] float64
};
Selected selected(const ProbePlan& plan, const Fits& fits, const at::Tensor& accuracy);

}  // namespace lensbench::probing
