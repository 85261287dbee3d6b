#include "token_analyzer/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lensbench::token_analysis {
namespace {

constexpr double kUncompared = std::numeric_limits<double>::quiet_NaN();

/// ln((e^a + e^b) / 2), where at most one of a and b is -inf.
double log_mean(double a, double b) {
  const double high = std::max(a, b);
  return high + std::log1p(std::exp(std::min(a, b) - high)) - std::numbers::ln2;
}

/// Term of the KL divergence: p (ln p - ln q), 0 where p is 0.
double relative_term(double p, double log_p, double log_q) {
  return p == 0 ? 0.0 : p * (log_p - log_q);
}

/// Sums of one token's terms. All come from log-probabilities, so that tiny probabilities keep
/// their ratio.
void accumulate(Divergence& sums, double log_p, double log_q) {
  const double p = std::exp(log_p);
  const double q = std::exp(log_q);
  sums.kl += relative_term(p, log_p, log_q);
  sums.kl_reverse += relative_term(q, log_q, log_p);
  // A token that both models exclude adds nothing, and its mixture has no logarithm.
  if (p == 0 && q == 0) return;
  const double log_m = log_mean(log_p, log_q);
  sums.js += 0.5 * (relative_term(p, log_p, log_m) + relative_term(q, log_q, log_m));
  sums.mixture_entropy -= 0.5 * (p + q) * log_m;
}

/// Candidates of one model with their ranks in the other.
void fill_top(const Softmax& softmax, LogitRow own, LogitRow other, std::int64_t top_k,
              std::vector<std::int32_t>& ids, std::vector<double>& probabilities,
              std::vector<std::int64_t>& ranks_in_other) {
  const Ranking ranking(own);
  for (const std::int32_t id : ranking.best(top_k)) {
    ids.push_back(id);
    probabilities.push_back(softmax.probability(id));
    ranks_in_other.push_back(rank_of(other, id));
  }
}

}  // namespace

/// In index order, so that the sums are the same in every run.
Divergence divergence(const Softmax& p, const Softmax& q) {
  Divergence sums;
  for (std::int64_t id = 0; id < p.size(); ++id)
    accumulate(sums, p.log_probability(id), q.log_probability(id));
  // All three are non-negative; rounding of the normalisers may leave -1e-17.
  sums.kl = std::max(0.0, sums.kl);
  sums.kl_reverse = std::max(0.0, sums.kl_reverse);
  sums.js = std::max(0.0, sums.js);
  return sums;
}

ComparedStep compare_step(LogitRow own, LogitRow other, std::int64_t chosen, std::int64_t top_k) {
  const Softmax p(own);
  const Softmax q(other);
  ComparedStep step;
  step.divergence = divergence(p, q);
  step.surprisal = std::abs(p.log_probability(chosen));
  step.surprisal_in_other = std::abs(q.log_probability(chosen));
  step.entropy = p.entropy();
  step.entropy_in_other = q.entropy();
  step.total = p.total();
  step.total_in_other = q.total();
  step.rank = rank_of(own, chosen);
  step.rank_in_other = rank_of(other, chosen);
  fill_top(p, own, other, top_k, step.top_ids, step.top_probabilities, step.top_ranks_in_other);
  fill_top(q, other, own, top_k, step.other_top_ids, step.other_top_probabilities,
           step.other_top_ranks);
  return step;
}

ComparedStep unscored_comparison(std::int64_t top_k) {
  const auto k = static_cast<std::size_t>(top_k);
  ComparedStep step;
  step.divergence = {kUncompared, kUncompared, kUncompared, kUncompared};
  step.surprisal = step.surprisal_in_other = step.entropy = step.entropy_in_other = kUncompared;
  step.total = step.total_in_other = kUncompared;
  step.top_ids.assign(k, -1);
  step.other_top_ids.assign(k, -1);
  step.top_probabilities.assign(k, kUncompared);
  step.other_top_probabilities.assign(k, kUncompared);
  step.top_ranks_in_other.assign(k, -1);
  step.other_top_ranks.assign(k, -1);
  return step;
}

}  // namespace lensbench::token_analysis
