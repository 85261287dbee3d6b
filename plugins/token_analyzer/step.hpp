#pragma once

#include <cstdint>
#include <lensbench/generation.hpp>
#include <vector>

#include "token_analyzer/distribution.hpp"

namespace lensbench::token_analysis {

/// Quantities to measure at each step.
struct StepOptions {
  std::int64_t top_k = 10;
  std::vector<double> temperatures = {};  ///< 0 is the greedy limit
  std::vector<double> nucleus = {};       ///< p of each nucleus
  SamplingOptions sampling = {};  ///< sampler that chose, or would choose, from these logits
};

/// Checks options. \throws UsageError that names option, value and range
void check_options(const StepOptions& options, std::int64_t vocab_size);

/// Distribution at one temperature.
struct TemperatureEffect {
  double entropy = 0;  ///< nats
  double top_probability = 0;
  double chosen_probability = 0;
};

/// Result of temperature, then top-k, then top-p, on a distribution.
struct SamplerEffect {
  double kept_by_top_k = 1;       ///< share of the tempered distribution
  double kept_by_top_p = 1;       ///< share of the result of top-k
  std::int64_t candidates = 1;    ///< tokens that can be drawn
  double chosen_probability = 0;  ///< probability of drawing the chosen token; 0 if excluded
};

/// One choice: a token and the distribution that it came from.
struct Step {
  std::int64_t chosen_id = -1;
  std::int64_t chosen_rank = -1;
  double chosen_probability = 0;  ///< softmax of the logits, no temperature
  double surprisal = 0;           ///< -ln chosen_probability, nats
  double entropy = 0;             ///< nats
  double margin = 0;              ///< top-1 minus top-2 probability
  double total = 0;               ///< sum of all probabilities, for the receipt
  std::vector<std::int32_t> top_ids;
  std::vector<double> top_probabilities;
  std::vector<double> cumulative;  ///< probability that top-k keeps, for k = 1, 2, …
  std::vector<Nucleus> nuclei;     ///< one for each `StepOptions::nucleus`
  std::vector<TemperatureEffect> temperatures;
  SamplerEffect sampler;
};

/// \param softmax  distribution of the row at any temperature
TemperatureEffect temperature_effect(const Softmax& softmax, const Ranking& ranking,
                                     std::int64_t chosen, double temperature);

/// \param softmax  distribution of the row at any temperature
SamplerEffect sampler_effect(const Softmax& softmax, const Ranking& ranking, std::int64_t chosen,
                             const SamplingOptions& sampling);

/// Analyses one choice. \param logits  the row that `chosen` came from
Step analyze_step(LogitRow logits, std::int64_t chosen, const StepOptions& options);

/// Step for a token without a distribution (the first of a text): the id, -1 for every other
/// integer, NaN for every other number.
Step unscored_step(std::int64_t id, const StepOptions& options);

}  // namespace lensbench::token_analysis
