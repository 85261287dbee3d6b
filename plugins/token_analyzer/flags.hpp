#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lensbench::token_analysis {

/// Rule for entropy jumps: the robust z-score of an entropy, relative to the earlier entropies of
/// the sequence, exceeds `threshold`.
///
///     z_t = (H_t - median(H_<t)) / max(1.4826 * MAD(H_<t), 0.1 nats)
///
/// This is the modified z-score of Iglewicz and Hoaglin ("How to Detect and Handle Outliers", 1993;
/// their threshold is 3.5) made one-sided and causal. lensbench adds the floor of 0.1 nats: where
/// the model is certain, the deviations are tiny and any small change would count as a jump.
struct JumpRule {
  double threshold = 3.5;
  std::int64_t history = 8;  ///< entropies needed before the first judgement
};

/// Checks a rule. \throws UsageError unless the threshold is finite and positive, the history 2 or
/// more
void check_rule(const JumpRule& rule);

/// z_t of each entropy (nats); NaN if fewer than `history` entropies precede it.
std::vector<double> entropy_scores(std::span<const double> entropies, std::int64_t history);

/// Median; for an even count the mean of the middle two. \param values  at least one
double median(std::vector<double> values);

}  // namespace lensbench::token_analysis
