#pragma once

#include <cstdint>
#include <vector>

#include "token_analyzer/distribution.hpp"

namespace lensbench::token_analysis {

/// Divergences, in nats, of two distributions over one vocabulary: p of this model, q of the other.
struct Divergence {
  double kl = 0;          ///< KL(p || q) = sum p (ln p - ln q); +inf if q is 0 where p is not
  double kl_reverse = 0;  ///< KL(q || p)
  /// Jensen-Shannon with the true mixture m = (p + q) / 2 (Lin 1991):
  /// KL(p || m) / 2 + KL(q || m) / 2, between 0 and ln 2.
  double js = 0;
  double mixture_entropy = 0;  ///< H(m); js = H(m) - (H(p) + H(q)) / 2 is the receipt
};

Divergence divergence(const Softmax& p, const Softmax& q);

/// Comparison of two models at one token of a text.
struct ComparedStep {
  Divergence divergence;
  double surprisal = 0, surprisal_in_other = 0;      ///< surprisal of the token in the text, nats
  double entropy = 0, entropy_in_other = 0;          ///< nats
  double total = 0, total_in_other = 0;              ///< sums of all probabilities
  std::int64_t rank = -1, rank_in_other = -1;        ///< rank of the token in the text
  std::vector<std::int32_t> top_ids, other_top_ids;  ///< best first
  std::vector<double> top_probabilities, other_top_probabilities;
  std::vector<std::int64_t> top_ranks_in_other;  ///< ranks of `top_ids` in the other model
  std::vector<std::int64_t> other_top_ranks;     ///< ranks of `other_top_ids` in this model
};

/// Compares two rows of logits. \param top_k  at least 1
ComparedStep compare_step(LogitRow own, LogitRow other, std::int64_t chosen, std::int64_t top_k);

/// Comparison at a token without distributions: -1 and NaN, like `unscored_step`.
ComparedStep unscored_comparison(std::int64_t top_k);

}  // namespace lensbench::token_analysis
