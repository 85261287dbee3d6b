#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>

#include "plan.hpp"

namespace lensbench::probing {

/// What was fitted at all points. NaN where nothing was.
struct Fits {
  at::Tensor scores;           ///< [point, example, class] held out
  at::Tensor shuffled_scores;  ///< scores of probes for shuffled labels
  at::Tensor type_scores;      ///< scores of probes for labels of token types
  at::Tensor lambda;           ///< [point, fold]
  at::Tensor inner_accuracy;   ///< [point, fold]
  at::Tensor weights;          ///< [point, class, feature] of a probe of all rows
  at::Tensor intercepts;       ///< [point, class]
  at::Tensor whole_lambda;     ///< [point]
  at::Tensor against_means;    ///< [point] cosine by which a direction points away from its class
  at::Tensor input_scores;     ///< [example, class] of probes of the token embedding
  at::Tensor neuron_auroc;     ///< [block, neuron]; undefined: not asked for
  at::Tensor neuron_effect;    ///< [block, neuron]
};

/// Fits every point. What is done is kept every half minute, after the last point, and before an
/// interruption; a fit of the same case goes on after it.
/// \throws RunError if the run is cancelled
Fits fit_points(Context& context, const ProbePlan& plan);

/// Items that `fit_points` counts.
std::int64_t fit_items(const ProbePlan& plan);

}  // namespace lensbench::probing
