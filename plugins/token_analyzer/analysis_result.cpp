#include <algorithm>
#include <cmath>
#include <functional>
#include <lensbench/metric.hpp>

#include "common/number_text.hpp"
#include "common/worst.hpp"
#include "token_analyzer/analysis.hpp"
#include "token_analyzer/columns.hpp"
#include "token_analyzer/flags.hpp"

namespace lensbench::token_analysis {
namespace {

/// One step for each token, the first of which lacks a distribution: nothing precedes it. Its
/// values are NaN or -1.
using Steps = std::vector<Step>;

/// Values of each token under the distribution that it came from, at temperature 1: scores of a
/// given text and of a generated one are comparable.
void add_choice(Dataset& dataset, const Steps& steps) {
  add_column<std::int32_t>(dataset, {"chosen_id", "1", "the token itself", Holds::token_ids}, steps,
                           std::mem_fn(&Step::chosen_id));
  add_column<double>(
      dataset, {"chosen_probability", "1", "softmax probability of the token (NaN: first token)"},
      steps, std::mem_fn(&Step::chosen_probability));
  add_column<std::int32_t>(
      dataset, {"chosen_rank", "1", "1 + number of tokens with a larger logit (-1: first token)"},
      steps, std::mem_fn(&Step::chosen_rank));
  add_column<double>(dataset,
                     {"surprisal", "nats", "-ln of the token's probability (NaN: first token)"},
                     steps, std::mem_fn(&Step::surprisal));
  add_column<double>(
      dataset,
      {"entropy", "nats", "entropy of the distribution the token came from (NaN: first token)"},
      steps, std::mem_fn(&Step::entropy));
  dataset.set_attribute("chosen_probability", "claim", "distribution.probability");
  dataset.set_attribute("surprisal", "claim", "distribution.surprisal");
  dataset.set_attribute("entropy", "claim", "distribution.entropy");
  add_column<double>(
      dataset, {"margin", "1", "probability of the best token minus the second's (NaN: first)"},
      steps, std::mem_fn(&Step::margin));
}

/// What the sampler made of this distribution; for a given text, what it would have made of it.
void add_sampler(Dataset& dataset, const Steps& steps) {
  add_column<double>(
      dataset,
      {"sampling_probability", "1",
       "probability of drawing the token after temperature, top-k, top-p (NaN: first token)"},
      steps, [](const Step& s) { return s.sampler.chosen_probability; });
  add_column<std::int32_t>(
      dataset, {"sampling_candidates", "1", "tokens the sampler could draw (-1: first token)"},
      steps, [](const Step& s) { return s.sampler.candidates; });
  add_column<double>(dataset,
                     {"kept_by_top_k", "1",
                      "share of the tempered distribution that top-k keeps (NaN: first token)"},
                     steps, [](const Step& s) { return s.sampler.kept_by_top_k; });
  add_column<double>(
      dataset,
      {"kept_by_top_p", "1", "share of what top-k left that top-p keeps (NaN: first token)"}, steps,
      [](const Step& s) { return s.sampler.kept_by_top_p; });
}

/// Tables [token, rank]; the cumulative probability tells how much of the distribution they cover.
void add_candidates(Dataset& dataset, const Steps& steps, std::size_t top_k) {
  if (top_k == 0) return;
  add_rank_axis(dataset, top_k);
  add_table<std::int32_t>(
      dataset, {"top_id", "1", "candidates, best first (-1: first token)", Holds::token_ids},
      "rank", top_k, steps, [](const Step& s, std::size_t i) { return s.top_ids[i]; });
  add_table<double>(
      dataset, {"top_probability", "1", "softmax probability of each candidate (NaN: first token)"},
      "rank", top_k, steps, [](const Step& s, std::size_t i) { return s.top_probabilities[i]; });
  add_table<double>(dataset,
                    {"top_cumulative_probability", "1",
                     "probability of this candidate and all better ones (NaN: first token)"},
                    "rank", top_k, steps,
                    [](const Step& s, std::size_t i) { return s.cumulative[i]; });
}

void add_nuclei(Dataset& dataset, const Steps& steps, const std::vector<double>& nucleus) {
  if (nucleus.empty()) return;
  add_axis(dataset, "nucleus", nucleus, "probability p the nucleus must reach");
  add_table<std::int32_t>(
      dataset, {"nucleus_size", "1", "fewest best tokens that reach p (-1: first token)"},
      "nucleus", nucleus.size(), steps,
      [](const Step& s, std::size_t i) { return s.nuclei[i].size; });
  add_table<double>(
      dataset,
      {"nucleus_probability", "1", "softmax probability of the nucleus (NaN: first token)"},
      "nucleus", nucleus.size(), steps,
      [](const Step& s, std::size_t i) { return s.nuclei[i].probability; });
}

/// Adds measures of the logits at other temperatures, without a further forward.
void add_temperatures(Dataset& dataset, const Steps& steps,
                      const std::vector<double>& temperatures) {
  if (temperatures.empty()) return;
  const std::size_t n = temperatures.size();
  add_axis(dataset, "temperature", temperatures, "divides the logits; 0 is the greedy choice");
  add_table<double>(dataset,
                    {"entropy_at_temperature", "nats",
                     "entropy of softmax(logits / temperature) (NaN: first token)"},
                    "temperature", n, steps,
                    [](const Step& s, std::size_t i) { return s.temperatures[i].entropy; });
  add_table<double>(
      dataset,
      {"top_probability_at_temperature", "1", "probability of the best token (NaN: first token)"},
      "temperature", n, steps,
      [](const Step& s, std::size_t i) { return s.temperatures[i].top_probability; });
  add_table<double>(dataset,
                    {"chosen_probability_at_temperature", "1",
                     "probability of the token itself (NaN: first token)"},
                    "temperature", n, steps, [](const Step& s, std::size_t i) {
                      return s.temperatures[i].chosen_probability;
                    });
}

/// Entropy scores, one for each token; NaN at the first.
std::vector<double> scores_of(const Steps& steps, std::int64_t history) {
  std::vector<double> entropies;
  for (std::size_t i = 1; i < steps.size(); ++i) entropies.push_back(steps[i].entropy);
  std::vector<double> scores = entropy_scores(entropies, history);
  // The entropy of the first token is NaN, so that it serves as its score.
  scores.insert(scores.begin(), steps.front().entropy);
  return scores;
}

/// Flags of each token, and the score that the flag of jumps comes from.
void add_flags(Dataset& dataset, const Analysis& analysis, const JumpRule& rule) {
  // Columns are filled in the order of tokens, so a counter is the position.
  std::int64_t position = 0;
  add_column<bool>(dataset, {"generated", "1", "chosen by the model in this run"}, analysis.steps,
                   [&](const Step&) { return position++ >= analysis.given; });
  add_column<bool>(dataset,
                   {"left_first_choice", "1", "the token was not the model's first choice"},
                   analysis.steps, [](const Step& s) { return s.chosen_rank > 1; });
  const std::vector<double> scores = scores_of(analysis.steps, rule.history);
  add_column<double>(
      dataset,
      {"entropy_score", "1",
       "(entropy - median of those before) / max(1.4826 MAD, 0.1 nats); NaN: too few before"},
      scores, [](double score) { return score; });
  add_column<bool>(dataset, {"entropy_jump", "1", "entropy_score above entropy_jump_threshold"},
                   scores, [&](double score) { return score > rule.threshold; });
}

/// The distribution after the end lacks a token, hence scalars and rows instead of columns.
void add_next(Dataset& dataset, const Step& next) {
  if (!next.top_ids.empty()) {
    add_row<std::int32_t>(
        dataset, {"next_top_id", "1", "candidates for the token after the end", Holds::token_ids},
        "rank", next.top_ids);
    add_row<double>(
        dataset, {"next_top_probability", "1", "softmax probability of each (NaN: not computed)"},
        "rank", next.top_probabilities);
  }
  add_scalar<double>(
      dataset,
      {"next_entropy", "nats", "entropy of the distribution after the end (NaN: not computed)"},
      next.entropy);
}

/// Perplexities of the given and of the generated part differ, hence all three.
void add_perplexities(Dataset& dataset, const Analysis& analysis) {
  const auto size = analysis.text.size();
  const auto& steps = analysis.steps;
  add_scalar(dataset,
             {"perplexity", "1", "exp(mean surprisal) of all scored tokens (NaN: there are none)"},
             perplexity(steps, 0, size));
  add_scalar(
      dataset,
      {"text_perplexity", "1", "exp(mean surprisal) of the given tokens (NaN: there are none)"},
      perplexity(steps, 0, analysis.given));
  add_scalar(dataset,
             {"generated_perplexity", "1",
              "exp(mean surprisal) of the generated tokens (NaN: there are none)"},
             perplexity(steps, analysis.given, size));
  add_scalar<std::int64_t>(dataset, {"scored_tokens", "1", "tokens that have a distribution"},
                           size - 1);
}

/// NaN where the distribution after the end was not computed.
double total_error(const Analysis& analysis) {
  double error = std::isnan(analysis.next.total) ? 0.0 : std::abs(analysis.next.total - 1);
  for (std::size_t i = 1; i < analysis.steps.size(); ++i)
    error = worst_of(error, std::abs(analysis.steps[i].total - 1));
  return error;
}

/// Relative difference between the perplexity and that computed from the stored probabilities.
double perplexity_error(const Steps& steps) {
  if (steps.size() < 2) return 0;
  double log_sum = 0;
  for (std::size_t i = 1; i < steps.size(); ++i)
    // A probability may underflow to 0 where the surprisal is still finite.
    log_sum += steps[i].chosen_probability > 0 ? std::log(steps[i].chosen_probability)
                                               : -steps[i].surprisal;
  const double again = std::exp(-log_sum / static_cast<double>(steps.size() - 1));
  const double stored = perplexity(steps, 0, static_cast<std::int64_t>(steps.size()));
  return again == stored ? 0.0 : std::abs(again / stored - 1);  // both may be infinite
}

/// Adds the options by the names of the tool's parameters.
void add_options(Dataset& dataset, const TokenAnalyzerOptions& options) {
  const bool sampled = options.max_new_tokens > 0 && options.sampling.temperature > 0;
  Provenance{.definition = "token_analyzer/1",
             .rule = sampled ? "sampled" : "none",
             .seed_stream = sampled ? 0 : -1}
      .describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["top_k"] = options.top_k;
  dataset.attributes["max_new_tokens"] = options.max_new_tokens;
  dataset.attributes["temperature"] = options.sampling.temperature;
  dataset.attributes["sample_top_k"] = options.sampling.top_k;
  dataset.attributes["sample_top_p"] = options.sampling.top_p;
  dataset.attributes["seed"] = static_cast<std::int64_t>(options.sampling.seed);
  dataset.attributes["temperatures"] = tracing::number_texts(options.temperatures);
  dataset.attributes["nucleus"] = tracing::number_texts(options.nucleus);
  dataset.attributes["entropy_jump_threshold"] = options.entropy_jump_threshold;
  dataset.attributes["entropy_jump_history"] = options.entropy_jump_history;
  dataset.attributes["versus_model"] = "none";
}

}  // namespace

/// Order of the variables in listings; the receipts of the generation come first.
Dataset analysis_dataset(const Analysis& analysis, const TokenAnalyzerOptions& options) {
  Dataset dataset;
  add_token_axis(dataset, analysis.text.ids, analysis.text.texts);
  add_choice(dataset, analysis.steps);
  add_sampler(dataset, analysis.steps);
  add_flags(dataset, analysis, {options.entropy_jump_threshold, options.entropy_jump_history});
  add_candidates(dataset, analysis.steps, static_cast<std::size_t>(options.top_k));
  add_nuclei(dataset, analysis.steps, options.nucleus);
  add_temperatures(dataset, analysis.steps, options.temperatures);
  add_next(dataset, analysis.next);
  add_perplexities(dataset, analysis);
  add_options(dataset, options);
  dataset.receipts = analysis.receipts;
  dataset.receipts.push_back(make_receipt("distributions_sum_to_one", total_error(analysis), 1e-9,
                                          "float64 rounding over the vocabulary"));
  dataset.receipts.push_back(make_receipt("perplexity_recomputed", perplexity_error(analysis.steps),
                                          1e-9,
                                          "relative, from the stored probabilities in float64"));
  return dataset;
}

}  // namespace lensbench::token_analysis
