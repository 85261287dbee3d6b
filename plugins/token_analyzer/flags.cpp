#include "token_analyzer/flags.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <string>

namespace lensbench::token_analysis {
namespace {

// 1 / Phi^-1(3/4): factor from the median absolute deviation to a normal's standard deviation.
constexpr double kDeviationsPerSigma = 1.4826;
constexpr double kSmallestSpread = 0.1;  // nats

/// Robust z-score by median and median absolute deviation, which earlier jumps do not inflate; the
/// smallest spread keeps a constant past from making every change a jump.
double score(double value, std::span<const double> before) {
  std::vector<double> deviations(before.begin(), before.end());
  const double middle = median(deviations);
  for (double& d : deviations) d = std::abs(d - middle);
  const double spread = kDeviationsPerSigma * median(std::move(deviations));
  return (value - middle) / std::max(spread, kSmallestSpread);
}

}  // namespace

void check_rule(const JumpRule& rule) {
  if (!std::isfinite(rule.threshold) || rule.threshold <= 0)
    throw UsageError("token_analyzer: entropy_jump_threshold is " + std::to_string(rule.threshold) +
                     ", expected a finite number above 0");
  if (rule.history < 2)
    throw UsageError("token_analyzer: entropy_jump_history is " + std::to_string(rule.history) +
                     ", expected 2 or more tokens");
}

/// For an even count, the mean of both middle values; the lower one is the maximum of the first
/// half, which `nth_element` has put there.
double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

/// Quadratic in the number of tokens: the median of all earlier entropies is computed for each.
std::vector<double> entropy_scores(std::span<const double> entropies, std::int64_t history) {
  std::vector<double> scores(entropies.size(), std::numeric_limits<double>::quiet_NaN());
  for (auto t = static_cast<std::size_t>(history); t < entropies.size(); ++t)
    scores[t] = score(entropies[t], entropies.first(t));
  return scores;
}

}  // namespace lensbench::token_analysis
