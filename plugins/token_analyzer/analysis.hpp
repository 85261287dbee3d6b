#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tools/token_analyzer.hpp>
#include <vector>

#include "token_analyzer/step.hpp"

namespace lensbench::token_analysis {

/// A text, how each of its tokens was chosen, and what was checked on the way.
struct Analysis {
  Tokens text;              ///< given, followed by generated
  std::int64_t given = 0;   ///< tokens of the given text
  std::vector<Step> steps;  ///< one a token; the first is unscored
  /// The distribution after the end, its `chosen_id` the top-1; unscored where the text fills the
  /// model's positions and more.
  Step next;
  /// [pos, d_model] after the last block, of `text`; the last position may be missing.
  at::Tensor residual;
  std::vector<Receipt> receipts;  ///< of the generation
};

StepOptions step_options(const TokenAnalyzerOptions& options);

/// A text as given. \param residual  [pos, d_model] after the last block, of all tokens or of all
/// but the last
Analysis analyze_text(const Model& model, const Tokens& tokens, at::Tensor residual,
                      const StepOptions& options);

/// Continues the text and looks at each step's logits as they are drawn from; then runs the whole
/// text once without a cache, for the given tokens and as the check on the cached steps.
Analysis analyze_generation(const Model& model, const Tokens& tokens, std::int64_t max_new_tokens,
                            const StepOptions& options);

/// exp(mean surprisal) of steps [first, last) that are scored; NaN if there are none.
double perplexity(const std::vector<Step>& steps, std::int64_t first, std::int64_t last);

/// Everything of `TokenAnalyzer::analyze`.
Dataset analysis_dataset(const Analysis& analysis, const TokenAnalyzerOptions& options);

}  // namespace lensbench::token_analysis
