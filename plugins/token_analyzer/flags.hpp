#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lensbench::token_analysis {

/// When an entropy counts as a jump: its robust z-score against the entropies before it in the same
/// sequence exceeds `threshold`.
///
///     z_t = (H_t - median(H_<t)) / max(1.4826 * MAD(H_<t), 0.1 nats)
///
/// This is the modified z-score of Iglewicz and Hoaglin ("How to Detect and Handle Outliers", 1993;
/// their threshold is 3.5) made one-sided and causal. The floor of 0.1 nats is ours: in text the
/// model is sure of, the deviations shrink to nothing and any ripple would count as a jump.
struct JumpRule {
  double threshold = 3.5;
  std::int64_t history = 8;  ///< entropies needed before the first judgement
};

/// \throws UsageError for a threshold that is not finite and positive, or a history below 2
void check_rule(const JumpRule& rule);

/// z_t of each entropy (nats); NaN for those with less than `history` entropies before them.
std::vector<double> entropy_scores(std::span<const double> entropies, std::int64_t history);

/// Middle value; the mean of the middle two for an even count. \param values at least one
double median(std::vector<double> values);

}  // namespace lensbench::token_analysis
