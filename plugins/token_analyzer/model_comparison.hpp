#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <vector>

#include "token_analyzer/comparison.hpp"

namespace lensbench::token_analysis {

/// How two models read one text.
struct TextComparison {
  std::vector<ComparedStep> steps;  ///< one a token; the first is unscored
  std::int64_t top_k = 0;
};

/// \param own_residual  [pos, d_model] of this model after its last block, over `tokens`
/// \param top_k         0 lists no candidates
TextComparison compare_text(const Model& own, const at::Tensor& own_residual, const Model& other,
                            const Tokens& tokens, std::int64_t top_k);

/// Adds what `TokenAnalyzer::compare` gives beyond `analyze`. The dataset has the token axis, and
/// the rank axis where `top_k` is not 0.
void add_comparison(Dataset& dataset, const TextComparison& comparison);

/// Everything of `TokenAnalyzer::compare`.
Dataset comparison_dataset(const Tokens& tokens, const TextComparison& comparison);

}  // namespace lensbench::token_analysis
