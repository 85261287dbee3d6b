#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>

#include "plan.hpp"

namespace lensbench::interchange {

/// What was found at all places. NaN where nothing was.
struct Found {
  at::Tensor accuracy, margin, train_accuracy;  ///< [place, basis]
  at::Tensor control_accuracy, control_margin;  ///< [place, basis, control]
  at::Tensor whole_accuracy;                    ///< [place]
  at::Tensor bases;         ///< [place, basis, rank, width] float32, orthonormal rows
  at::Tensor loss;          ///< [place, step] of das; one step without it
  at::Tensor answers;       ///< [place, basis, pair] int64; -1: not a test pair
  at::Tensor pair_margins;  ///< [place, basis, pair]
  at::Tensor base_answers;  ///< [pair] int64; -1: left out
  at::Tensor base_right;    ///< [pair]
  at::Tensor changed;  ///< [place] int64, 0 if base and source differ and no basis changed a logit
};

/// Fits and exchanges at every place. What is done is kept every half minute, after the last place,
/// and before an interruption; a measurement of the same case goes on after it.
/// \throws RunError if the run is cancelled
Found measure_places(Context& context, const InterchangePlan& plan);

}  // namespace lensbench::interchange
