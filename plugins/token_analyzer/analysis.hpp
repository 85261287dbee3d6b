#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tools/token_analyzer.hpp>
#include <vector>

#include "token_analyzer/step.hpp"

namespace lensbench::token_analysis {

/// A text, the choice of each of its tokens, and receipts.
struct Analysis {
  Tokens text;              ///< given tokens, followed by generated ones
  std::int64_t given = 0;   ///< tokens of the given text
  std::vector<Step> steps;  ///< one for each token; the first is unscored
  /// Distribution after the end, with the top-1 as `chosen_id`; unscored if the text is longer than
  /// the model's positions.
  Step next;
  /// Residual [pos, d_model] of `text` after the last block; may lack the last position.
  at::Tensor residual;
  std::vector<Receipt> receipts;  ///< checks of the generation
};

/// Largest errors of the account of the sampler, over the steps of a generation.
struct SamplerErrors {
  double total = 0;        ///< |sum - 1| of the sampler's distributions
  double probability = 0;  ///< |ours - the sampler's| of the chosen token
};

/// Compares one step with the distribution that its token was drawn from.
/// \param drawn_from  result of `sampling_distribution`
void check_sampler(SamplerErrors& errors, const Step& step, const at::Tensor& drawn_from);

StepOptions step_options(const TokenAnalyzerOptions& options);

/// Analyses a given text. \param residual  [pos, d_model] after the last block, for all tokens or
/// all but the last
Analysis analyze_text(const Model& model, const Tokens& tokens, at::Tensor residual,
                      const StepOptions& options);

/// Generates a continuation and analyses the logits of each step. Then runs the whole text once
/// without a cache, to analyse the given tokens and to check the cached steps.
Analysis analyze_generation(const Model& model, const Tokens& tokens, std::int64_t max_new_tokens,
                            const StepOptions& options);

/// Perplexity, exp(mean surprisal), of the scored steps in [first, last); NaN if there are none.
double perplexity(const std::vector<Step>& steps, std::int64_t first, std::int64_t last);

/// Dataset of `TokenAnalyzer::analyze`.
Dataset analysis_dataset(const Analysis& analysis, const TokenAnalyzerOptions& options);

}  // namespace lensbench::token_analysis
