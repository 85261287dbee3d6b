#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <vector>

#include "token_analyzer/comparison.hpp"

namespace lensbench::token_analysis {

/// Comparison of two models on one text.
struct TextComparison {
  std::vector<ComparedStep> steps;  ///< one for each token; the first is unscored
  std::int64_t top_k = 0;
};

/// Compares models. \param own_residual  [pos, d_model] of this model after its last block
/// \param top_k         0 lists no candidates
TextComparison compare_text(const Model& own, const at::Tensor& own_residual, const Model& other,
                            const Tokens& tokens, std::int64_t top_k);

/// Adds the variables that `TokenAnalyzer::compare` has and `analyze` lacks. The dataset has the
/// token axis and, unless `top_k` is 0, the rank axis.
void add_comparison(Dataset& dataset, const TextComparison& comparison);

/// Dataset of `TokenAnalyzer::compare`.
Dataset comparison_dataset(const Tokens& tokens, const TextComparison& comparison);

}  // namespace lensbench::token_analysis
