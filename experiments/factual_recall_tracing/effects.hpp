#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

namespace factual_recall_tracing {

/// Indirect effects of one trace by role of the token.
/// \param trace  result of `causal_tracing` with the coordinate `role` [token]
/// \return [kind, role, block] float64: mean over the tokens of the role; NaN: it has none
at::Tensor effects_by_role(const lensbench::Dataset& trace);

/// Spearman's correlation of two traces of one fact for each kind of activation, over all blocks
/// and all tokens from the subject's first one on. Earlier tokens are left out: no effect reaches
/// them, so that they would agree by construction.
std::vector<double> agreement_of(const lensbench::Dataset& first, const lensbench::Dataset& second);

/// Means of numbers over some facts; NaN is left out.
/// \param facts  [fact][number]
/// \param drawn  indices of facts, any of them several times
std::vector<double> means_of(const std::vector<std::vector<double>>& facts,
                             const std::vector<std::size_t>& drawn);

/// Block with the largest value, and how often random samples agree on it.
struct Peak {
  std::int64_t block = -1;  ///< -1: the values are NaN
  double share = 0;         ///< share of the samples with the same block; NaN: no samples
};

/// Peak of the values of each row.
/// \param values  [row, block] float64
/// \param draws   [sample, row, block] float64, the values of each random sample
std::vector<Peak> peaks_of(const at::Tensor& values, const at::Tensor& draws);

}  // namespace factual_recall_tracing
