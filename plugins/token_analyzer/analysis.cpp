#include "token_analyzer/analysis.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/generation.hpp>
#include <lensbench/readout.hpp>
#include <limits>
#include <string>

#include "common/worst.hpp"
#include "token_analyzer/text_logits.hpp"

namespace lensbench::token_analysis {
namespace {

/// Observations while a model generates.
struct Generation {
  std::vector<std::int64_t> ids;
  std::vector<Step> steps;
  SamplerErrors sampler;
};

/// Steps are analysed while they are generated, from the logits that the token was drawn from:
/// those of a second forward could differ in the last bits.
Generation generate_and_watch(const Model& model, const Tokens& tokens, std::int64_t max_new_tokens,
                              const StepOptions& options) {
  GenerationOptions generation_options;
  generation_options.max_new_tokens = max_new_tokens;
  generation_options.sampling = options.sampling;
  Generation generation;
  generation.ids =
      generate(model, tokens, generation_options,
               [&](std::int64_t, const at::Tensor& step_logits, std::int64_t chosen) {
                 const at::Tensor logits = on_cpu(step_logits);
                 generation.steps.push_back(analyze_step(as_row(logits), chosen, options));
                 check_sampler(generation.sampler, generation.steps.back(),
                               // The sampler's own distribution, for the receipt.
                               sampling_distribution(logits, options.sampling));
               });
  return generation;
}

Tokens continued(const Model& model, Tokens tokens, const std::vector<std::int64_t>& ids) {
  if (ids.empty()) return tokens;
  const Tokens added = tokens_from_ids(model, ids);
  tokens.ids.insert(tokens.ids.end(), added.ids.begin(), added.ids.end());
  tokens.texts.insert(tokens.texts.end(), added.texts.begin(), added.texts.end());
  return tokens;
}

/// The top-1 takes the place of the chosen token, which does not exist.
Step next_step(LogitRow logits, const StepOptions& options) {
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  return analyze_step(logits, best, options);
}

/// Analyses the given tokens of a text that goes on after them, and what follows its end. Each row
/// of logits is visited once and dropped.
Analysis analyze_given(const Model& model, const Tokens& text, std::int64_t given,
                       at::Tensor residual, const StepOptions& options) {
  Analysis analysis;
  analysis.text = text;
  analysis.given = given;
  analysis.residual = std::move(residual);
  analysis.next = unscored_step(-1, options);
  analysis.steps.push_back(unscored_step(text.ids.front(), options));
  // Row i predicts token i + 1; the last one predicts what follows the text.
  std::vector<at::Tensor> rows = {analysis.residual.narrow(0, 0, given - 1)};
  if (analysis.residual.size(0) == text.size())
    rows.push_back(analysis.residual.narrow(0, text.size() - 1, 1));
  for_each_row(model, at::cat(rows), [&](std::int64_t row, LogitRow logits) {
    if (row + 1 == given)
      analysis.next = next_step(logits, options);
    else
      analysis.steps.push_back(
          analyze_step(logits, text.ids[static_cast<std::size_t>(row + 1)], options));
  });
  return analysis;
}

/// True if a longer text changes the rotation of all its positions.
bool rotates_by_length(const TransformerSpec& spec) {
  using Scaling = RopeSpec::Scaling;
  return spec.rope &&
         (spec.rope->scaling == Scaling::dynamic || spec.rope->scaling == Scaling::longrope);
}

/// Steps to compare with a forward of the whole text: at most eight, from the first to the last.
std::vector<std::int64_t> checked_steps(std::int64_t made) {
  constexpr std::int64_t kChecked = 8;
  const std::int64_t n = std::min(made, kChecked);
  std::vector<std::int64_t> steps;
  for (std::int64_t i = 0; i < n; ++i) steps.push_back(n == 1 ? 0 : i * (made - 1) / (n - 1));
  return steps;
}

/// Largest difference between the probability of a chosen token from the key-value cache and that
/// from a forward of the whole text.
double cached_error(const Model& model, const Analysis& analysis, const std::vector<Step>& steps) {
  if (steps.empty()) return 0;
  const auto made = static_cast<std::int64_t>(steps.size());
  std::vector<std::int64_t> checked = checked_steps(made);
  at::Tensor residual = analysis.residual;
  if (rotates_by_length(model.spec())) {
    // With such scaling only the last step saw the rotation of a text of this length.
    checked = {made - 1};
    residual = final_residual(model, analysis.text, analysis.given + made - 1, analysis.given);
  }
  std::vector<at::Tensor> rows;
  std::vector<std::int64_t> chosen;
  std::vector<double> cached;
  for (const std::int64_t i : checked) {
    const Step& step = steps[static_cast<std::size_t>(i)];
    rows.push_back(residual[analysis.given - 1 + i]);
    chosen.push_back(step.chosen_id);
    cached.push_back(step.chosen_probability);
  }
  // Only the probabilities of the chosen tokens are needed.
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = options.kl_to_last = false;
  options.target_ids = at::tensor(chosen, at::kLong);
  const at::Tensor normalized = model.final_norm(at::stack(rows)).unsqueeze(0);
  const at::Tensor full =
      read_out(model.unembedding(), normalized, options).target_log_probabilities[0];
  return (full.to(at::kDouble).exp() - at::tensor(cached, at::kDouble)).abs().max().item<double>();
}

/// The half types have 8 bits of mantissa and less, so their sums differ more.
double cached_tolerance(const Model& model) {
  return model.options().dtype == at::kFloat ? 1e-4 : 5e-2;
}

std::vector<Receipt> generation_receipts(const Model& model, const Generation& generation,
                                         double largest_cached_error) {
  return {
      make_receipt("cached_steps_equal_full_forward", largest_cached_error, cached_tolerance(model),
                   "largest difference of a chosen token's probability, at up to 8 steps; rounding "
                   "of the same sums in another order, 8 bits of mantissa in the half types"),
      make_receipt("sampling_distributions_sum_to_one", generation.sampler.total, 1e-9,
                   "float64 rounding over the vocabulary"),
      make_receipt("sampling_probability_equals_sampler", generation.sampler.probability, 1e-9,
                   "two computations in float64 of the sampling distribution")};
}

}  // namespace

void check_sampler(SamplerErrors& errors, const Step& step, const at::Tensor& drawn_from) {
  const double total = drawn_from.sum().item<double>();
  const double chosen = drawn_from[step.chosen_id].item<double>();
  errors.total = worst_of(errors.total, std::abs(total - 1));
  errors.probability =
      worst_of(errors.probability, std::abs(chosen - step.sampler.chosen_probability));
}

StepOptions step_options(const TokenAnalyzerOptions& options) {
  return {options.top_k, options.temperatures, options.nucleus, options.sampling};
}

Analysis analyze_text(const Model& model, const Tokens& tokens, at::Tensor residual,
                      const StepOptions& options) {
  return analyze_given(model, tokens, tokens.size(), std::move(residual), options);
}

/// The whole text is run once more without a cache: it gives the given tokens, and checks the
/// cached steps.
Analysis analyze_generation(const Model& model, const Tokens& tokens, std::int64_t max_new_tokens,
                            const StepOptions& options) {
  Generation generation = generate_and_watch(model, tokens, max_new_tokens, options);
  const Tokens text = continued(model, tokens, generation.ids);
  // The last token may be one beyond the model's positions, since it was never run.
  const std::int64_t readable = std::min(text.size(), position_limit(model.spec()));
  Analysis analysis = analyze_given(model, text, tokens.size(),
                                    final_residual(model, text, readable, tokens.size()), options);
  analysis.steps.insert(analysis.steps.end(), generation.steps.begin(), generation.steps.end());
  analysis.receipts =
      generation_receipts(model, generation, cached_error(model, analysis, generation.steps));
  return analysis;
}

/// Unscored tokens have NaN and do not count.
double perplexity(const std::vector<Step>& steps, std::int64_t first, std::int64_t last) {
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t i = first; i < last; ++i) {
    const double surprisal = steps[static_cast<std::size_t>(i)].surprisal;
    if (std::isnan(surprisal)) continue;
    sum += surprisal;
    ++count;
  }
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::exp(sum / static_cast<double>(count));
}

}  // namespace lensbench::token_analysis
