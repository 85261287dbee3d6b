#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lensbench::token_analysis {

/// Logits of one position, one a token of the vocabulary.
using LogitRow = std::span<const float>;

/// softmax(logits / temperature), natural logarithms, in float64 and in index order. Looks at the
/// row for as long as it lives; the row must outlive it.
class Softmax {
 public:
  /// \param temperature  above 0
  /// \throws RunError for an empty row, a NaN, a +inf, or a row without one finite logit.
  ///   A logit of -inf is a token of probability 0.
  explicit Softmax(LogitRow logits, double temperature = 1.0);

  std::int64_t size() const { return static_cast<std::int64_t>(logits_.size()); }
  double log_probability(std::int64_t id) const { return shifted(id) - log_sum_; }
  double probability(std::int64_t id) const;
  /// -sum p ln p, nats.
  double entropy() const { return entropy_; }
  /// Sum of all probabilities as they are handed out: 1 up to rounding.
  double total() const;

 private:
  double shifted(std::int64_t id) const;

  LogitRow logits_;
  double maximum_ = 0;
  double temperature_;
  double log_sum_ = 0;  ///< of exp(shifted)
  double entropy_ = 0;
};

/// Tokens from the best to the worst: by logit, ties by smaller id. Sorts only as far as it is
/// asked.
class Ranking {
 public:
  explicit Ranking(LogitRow logits);

  /// The `count` best ids, best first. Valid until the next call.
  std::span<const std::int32_t> best(std::int64_t count);
  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }

 private:
  LogitRow logits_;
  std::vector<std::int32_t> ids_;
  std::size_t sorted_ = 0;
};

/// 1 + the number of tokens with a strictly larger logit.
std::int64_t rank_of(LogitRow logits, std::int64_t id);

/// The tokens top-p keeps (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration").
struct Nucleus {
  std::int64_t size = 0;
  double probability = 0;  ///< what they hold together
};

/// The smallest set of best tokens whose cumulative probability is at least `p`; all of them for
/// p = 1. Where tokens tie at the border, those with smaller ids are in.
Nucleus nucleus(const Softmax& softmax, Ranking& ranking, double p);

}  // namespace lensbench::token_analysis
