#include "token_analyzer/step.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <string>

namespace lensbench::token_analysis {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

void require(bool holds, const std::string& option, const std::string& found,
             const std::string& expected) {
  if (!holds)
    throw UsageError("token_analyzer: " + option + " is " + found + ", expected " + expected);
}

void require_temperature(const std::string& option, double value) {
  require(std::isfinite(value) && value >= 0, option, std::to_string(value),
          "a finite number, 0 (greedy) or larger");
}

void require_share(const std::string& option, double value) {
  require(value > 0 && value <= 1, option, std::to_string(value),
          "a probability above 0 and at most 1");
}

void fill_top(Step& step, const Softmax& softmax, const Ranking& ranking, std::int64_t top_k) {
  double cumulative = 0;
  for (const std::int32_t id : ranking.best(top_k)) {
    const double probability = softmax.probability(id);
    cumulative += probability;
    step.top_ids.push_back(id);
    step.top_probabilities.push_back(probability);
    step.cumulative.push_back(cumulative);
  }
}

/// A vocabulary of one token has a margin of 1.
double margin_of(const Softmax& softmax, const Ranking& ranking) {
  const auto best = ranking.best(2);
  const double first = softmax.probability(best[0]);
  return best.size() < 2 ? first : first - softmax.probability(best[1]);
}

/// Greedy choice is the limit of temperature 0: one candidate.
SamplerEffect greedy_effect(const Ranking& ranking, std::int64_t chosen) {
  return {1.0, 1.0, 1, ranking.best(1)[0] == chosen ? 1.0 : 0.0};
}

}  // namespace

/// Bounds that depend on the vocabulary or that the typed interface does not check.
void check_options(const StepOptions& options, std::int64_t vocab_size) {
  require(options.top_k >= 0 && options.top_k <= vocab_size, "top_k", std::to_string(options.top_k),
          "0 to the vocabulary's " + std::to_string(vocab_size) + " tokens");
  for (const double t : options.temperatures) require_temperature("an entry of temperatures", t);
  for (const double p : options.nucleus) require_share("an entry of nucleus", p);
  require_temperature("temperature", options.sampling.temperature);
  require(options.sampling.top_k >= 0, "sample_top_k", std::to_string(options.sampling.top_k),
          "0 (all tokens) or larger");
  require_share("sample_top_p", options.sampling.top_p);
}

/// The ranking does not depend on the temperature.
TemperatureEffect temperature_effect(const Softmax& softmax, const Ranking& ranking,
                                     std::int64_t chosen, double temperature) {
  const std::int64_t top = ranking.best(1)[0];
  if (temperature == 0) return {0.0, 1.0, top == chosen ? 1.0 : 0.0};
  const Softmax tempered = softmax.at_temperature(temperature);
  return {tempered.entropy(), tempered.probability(top), tempered.probability(chosen)};
}

/// Temperature, then top-k, then top-p, as `sampling_distribution` applies them.
SamplerEffect sampler_effect(const Softmax& row, const Ranking& ranking, std::int64_t chosen,
                             const SamplingOptions& sampling) {
  if (sampling.temperature == 0) return greedy_effect(ranking, chosen);
  const Softmax softmax = row.at_temperature(sampling.temperature);
  const bool cut = sampling.top_k > 0 && sampling.top_k < softmax.size();
  SamplerEffect effect;
  effect.candidates = cut ? sampling.top_k : softmax.size();
  if (cut) {
    effect.kept_by_top_k = 0;
    for (const std::int32_t id : ranking.best(sampling.top_k))
      effect.kept_by_top_k += softmax.probability(id);
  }
  if (sampling.top_p < 1) {
    // top-p applies to the renormalised result of top-k, so its p is p * kept of the distribution.
    Nucleus kept = nucleus(softmax, ranking, sampling.top_p * effect.kept_by_top_k);
    // A nucleus never has more tokens than top-k left.
    kept.size = std::min(kept.size, effect.candidates);
    effect.candidates = kept.size;
    effect.kept_by_top_p = std::min(1.0, kept.probability / effect.kept_by_top_k);
  }
  const auto drawable = ranking.best(effect.candidates);
  if (std::find(drawable.begin(), drawable.end(), chosen) != drawable.end())
    // Renormalised over what can be drawn.
    effect.chosen_probability =
        softmax.probability(chosen) / (effect.kept_by_top_k * effect.kept_by_top_p);
  return effect;
}

/// One softmax and one ranking of the row serve all quantities.
Step analyze_step(LogitRow logits, std::int64_t chosen, const StepOptions& options) {
  const Softmax softmax(logits);
  const Ranking ranking(logits);
  Step step;
  step.chosen_id = chosen;
  step.chosen_rank = rank_of(logits, chosen);
  step.surprisal =
      std::abs(softmax.log_probability(chosen));  // abs: avoids -0 for a certain choice
  step.chosen_probability = softmax.probability(chosen);
  step.entropy = softmax.entropy();
  step.margin = margin_of(softmax, ranking);
  step.total = softmax.total();
  fill_top(step, softmax, ranking, options.top_k);
  step.nuclei = nuclei(softmax, ranking, options.nucleus);
  for (const double t : options.temperatures)
    step.temperatures.push_back(temperature_effect(softmax, ranking, chosen, t));
  step.sampler = sampler_effect(softmax, ranking, chosen, options.sampling);
  return step;
}

/// Placeholders with the shapes of a scored step, so that columns stay rectangular.
Step unscored_step(std::int64_t id, const StepOptions& options) {
  const auto k = static_cast<std::size_t>(options.top_k);
  Step step;
  step.chosen_id = id;
  step.chosen_probability = step.surprisal = step.entropy = step.margin = step.total = kNone;
  step.top_ids.assign(k, -1);
  step.top_probabilities.assign(k, kNone);
  step.cumulative.assign(k, kNone);
  step.nuclei.assign(options.nucleus.size(), {-1, kNone});
  step.temperatures.assign(options.temperatures.size(), {kNone, kNone, kNone});
  step.sampler = {kNone, kNone, -1, kNone};
  return step;
}

}  // namespace lensbench::token_analysis
