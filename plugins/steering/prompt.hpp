#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/metric.hpp>
#include <limits>
#include <vector>

#include "formula.hpp"

namespace lensbench::steering {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The directions of one depth, and what alpha 1 means there.
struct SteeredLayer {
  std::int64_t layer = 0;
  at::Tensor stream;       ///< [token, d_model] of the prompt, unchanged
  at::Tensor directions;   ///< [1 + draw, d_model]: the direction, then the random ones
  double stream_norm = 0;  ///< median length over the prompt without its first token; NaN: 1 token
  double step = 1;         ///< the a of alpha 1
};

/// What all measurements share.
struct SteeringPlan {
  Context& context;
  const Tokens& tokens;
  const MetricReader& reader;  ///< reads the metric, then KL
  SteeringMode mode;
  SteeredTokens where;
  std::vector<double> alphas;
  std::uint64_t seed = 0;

  /// The run of one direction and strength. Alpha 0 leaves the stream unchanged, but with `clamp`.
  SteeredRun run(const SteeredLayer& layer, std::int64_t direction, double alpha) const;
  std::int64_t n_alphas() const { return static_cast<std::int64_t>(alphas.size()); }
};

/// Metrics of the prompt at one depth.
struct PromptGrid {
  at::Tensor metric, kl;  ///< [1 + draw, alpha] float64
  double base = 0.0;      ///< metric of the base run
  bool any_change = false;
  std::vector<Receipt> receipts = {};  ///< receipts of the sweep
};

/// Runs every direction and strength of a depth on the prompt.
PromptGrid measure_prompt(const SteeringPlan& plan, const SteeredLayer& layer);

/// What is measured on the prompt at every depth.
struct PromptGrids {
  std::vector<PromptGrid> grids;
  std::vector<double> slopes;
  bool any_change = false;
};

/// Measures every depth. Without a steered token in the prompt, nothing changes.
/// \param base  metric of the unchanged prompt
PromptGrids measure_prompts(const SteeringPlan& plan, const MetricReader& metric,
                            const std::vector<SteeredLayer>& layers, double base);

/// d metric / d alpha at alpha 0.
double slope_of(const SteeringPlan& plan, const MetricReader& metric, const SteeredLayer& layer);

/// Largest |alpha| up to which every effect is within 10 % of slope times alpha; 0: none.
double linear_range(const std::vector<double>& alphas, const at::Tensor& effects, double slope);

}  // namespace lensbench::steering
