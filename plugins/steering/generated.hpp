#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/generation.hpp>
#include <vector>

#include "prompt.hpp"

namespace lensbench::steering {

/// Tokens that one run generated.
struct Generated {
  std::vector<std::int64_t> ids;
  double logit_sum = 0.0;  ///< sum of logits over all steps: differs where any logit does
};

/// Continues the prompt once for each run. Runs that are `unchanged` share one continuation, and
/// the others are rows of batches, except in models whose rotation depends on the length.
std::vector<Generated> generate_runs(const SteeringPlan& plan, const std::vector<SteeredRun>& runs,
                                     const GenerationOptions& options);

/// Numbers of generated tokens.
struct GeneratedScores {
  double perplexity = 0;    ///< in the unchanged model
  double target_share = 0;  ///< share of the tokens that are targets
  double distinct_2 = 0;    ///< different pairs of neighbours among all pairs; NaN: no pair
};

GeneratedScores scores_of(const Model& model, const Tokens& prompt,
                          const std::vector<std::int64_t>& ids,
                          const std::vector<std::int64_t>& targets);

/// Largest difference, relative to the largest logit, between the steps of a batched run with cache
/// and those of the same run as stored interventions, alone and without a cache. Compared up to the
/// first step at which the choices differ, which is a tie where the logits agree.
double uncached_error(const SteeringPlan& plan, const SteeredRun& run,
                      const GenerationOptions& options);

}  // namespace lensbench::steering
