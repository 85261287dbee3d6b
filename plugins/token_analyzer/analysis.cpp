#include "token_analyzer/analysis.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/generation.hpp>
#include <limits>
#include <string>

#include "token_analyzer/text_logits.hpp"

namespace lensbench::token_analysis {
namespace {

/// Observations while a model generates.
struct Generation {
  std::vector<std::int64_t> ids;
  std::vector<Step> steps;
  double sampler_total_error = 0;        ///< largest |sum - 1| of the sampler's distributions
  double sampler_probability_error = 0;  ///< largest |ours - the sampler's| of the chosen token
};

void check_sampler(Generation& generation, const Step& step, const at::Tensor& logits,
                   const SamplingOptions& sampling) {
  const at::Tensor drawn_from = sampling_distribution(logits, sampling).to(at::kCPU, at::kDouble);
  const double total = drawn_from.sum().item<double>();
  const double chosen = drawn_from.select(0, step.chosen_id).item<double>();
  generation.sampler_total_error = std::max(generation.sampler_total_error, std::abs(total - 1));
  generation.sampler_probability_error = std::max(
      generation.sampler_probability_error, std::abs(chosen - step.sampler.chosen_probability));
}

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
                 check_sampler(generation, generation.steps.back(), logits, options.sampling);
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

Step next_step(LogitRow logits, const StepOptions& options) {
  return analyze_step(logits, Ranking(logits).best(1)[0], options);
}

double cached_tolerance(const Model& model) {
  return model.options().dtype == at::kFloat ? 1e-4 : 5e-2;
}

std::vector<Receipt> generation_receipts(const Model& model, const Generation& generation,
                                         double cached_error) {
  return {make_receipt("cached_steps_equal_full_forward", cached_error, cached_tolerance(model),
                       "largest difference of a chosen token's probability; rounding of the same "
                       "sums in another order, 8 bits of mantissa in the half types"),
          make_receipt("sampling_distributions_sum_to_one", generation.sampler_total_error, 1e-9,
                       "float64 rounding over the vocabulary"),
          make_receipt("sampling_probability_equals_sampler", generation.sampler_probability_error,
                       1e-9, "two computations in float64 of the sampling distribution")};
}

}  // namespace

StepOptions step_options(const TokenAnalyzerOptions& options) {
  return {options.top_k, options.temperatures, options.nucleus, options.sampling};
}

Analysis analyze_text(const Model& model, const Tokens& tokens, at::Tensor residual,
                      const StepOptions& options) {
  Analysis analysis;
  analysis.text = tokens;
  analysis.given = tokens.size();
  analysis.residual = std::move(residual);
  analysis.next = unscored_step(-1, options);
  analysis.steps.push_back(unscored_step(tokens.ids.front(), options));
  for_each_row(model, analysis.residual, [&](std::int64_t position, LogitRow logits) {
    if (position + 1 == tokens.size())
      analysis.next = next_step(logits, options);
    else
      analysis.steps.push_back(
          analyze_step(logits, tokens.ids[static_cast<std::size_t>(position + 1)], options));
  });
  return analysis;
}

Analysis analyze_generation(const Model& model, const Tokens& tokens, std::int64_t max_new_tokens,
                            const StepOptions& options) {
  Generation generation = generate_and_watch(model, tokens, max_new_tokens, options);
  const Tokens text = continued(model, tokens, generation.ids);
  // The last token may be one beyond the model's positions, since it was never run.
  const std::int64_t readable = std::min(text.size(), position_limit(model.spec()));
  Analysis analysis = analyze_text(model, text, final_residual(model, text, readable), options);
  analysis.given = tokens.size();
  double cached_error = 0;
  for (std::size_t i = 0; i < generation.steps.size(); ++i) {
    Step& full = analysis.steps[static_cast<std::size_t>(analysis.given) + i];
    const Step& cached = generation.steps[i];
    cached_error =
        std::max(cached_error, std::abs(full.chosen_probability - cached.chosen_probability));
    full = cached;
  }
  analysis.receipts = generation_receipts(model, generation, cached_error);
  return analysis;
}

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
