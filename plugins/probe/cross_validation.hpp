#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "linear_probe.hpp"
#include "plan.hpp"

namespace lensbench::probing {

/// Labels predicted for rows by probes that did not see them.
struct CrossValidated {
  at::Tensor scores;          ///< [example, class] float64; NaN: a training part lacked a class
  at::Tensor lambda;          ///< [fold] float64; NaN: the kind has no penalty
  at::Tensor inner_accuracy;  ///< [fold] float64; NaN: too few rows for an inner split
};

/// Fits and scores every fold. Penalties are chosen on inner splits of the training rows.
/// \param rows    [example, feature] float64
/// \param labels  [example], those of the examples or of a control
CrossValidated cross_validate(const ProbePlan& plan, const at::Tensor& rows,
                              const std::vector<std::int64_t>& labels);

/// A probe of all rows.
struct WholeFit {
  LinearProbe probe;
  double lambda = 0;  ///< NaN: the kind has no penalty
};
WholeFit fit_all(const ProbePlan& plan, const at::Tensor& rows);

/// Accuracy of the most frequent label outside of each fold, [fold] float64.
at::Tensor majority_accuracy(const ProbePlan& plan);

}  // namespace lensbench::probing
