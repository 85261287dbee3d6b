#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <lensbench/model.hpp>

#include "plan.hpp"

namespace lensbench::probing {

/// How well each neuron alone tells two labels apart.
struct NeuronScores {
  at::Tensor auroc;        ///< [block, neuron] float64; .5: not at all
  at::Tensor effect_size;  ///< [block, neuron] float64; NaN: it does not vary
};

/// Measures `blocks.*.mlp.hook_post` of all blocks, some at a time where memory asks for it.
/// \param stop  called before each batch; throws to stop
/// \throws UsageError if the blocks do not have one MLP each
NeuronScores measure_neurons(const Model& model, const ProbePlan& plan,
                             const std::function<void()>& stop);

/// Area under the ROC curve of each column, by mid-ranks (Mann and Whitney 1947).
/// \param values  [row, column]
/// \param labels  [row] 0 or 1
at::Tensor column_auroc(const at::Tensor& values, const std::vector<std::int64_t>& labels);

/// Standardised difference of the means of label 1 and label 0 of each column: of pairs
/// d_z = mean / standard deviation of the differences, else Cohen's d with the pooled standard
/// deviation (divisors n - 1).
/// \param pairs  name of the pair of each row; empty: rows do not come in pairs
at::Tensor column_effect_size(const at::Tensor& values, const std::vector<std::int64_t>& labels,
                              const std::vector<std::string>& pairs);

}  // namespace lensbench::probing
