#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lensbench::token_analysis {

/// Logits of one position, one for each token of the vocabulary.
using LogitRow = std::span<const float>;

/// softmax(logits / temperature) with natural logarithms, in float64; sums are in index order. It
/// refers to the row, which must outlive it.
class Softmax {
 public:
  /// \param temperature  above 0
  /// \throws RunError for an empty row, a NaN, a +inf, or a row without one finite logit.
  ///   A logit of -inf is a token of probability 0.
  explicit Softmax(LogitRow logits, double temperature = 1.0);
  /// Distribution of the same row at another temperature, above 0.
  Softmax at_temperature(double temperature) const;

  std::int64_t size() const { return static_cast<std::int64_t>(logits_.size()); }
  double log_probability(std::int64_t id) const { return shifted(id) - log_sum_; }
  double probability(std::int64_t id) const {
    return weights_[static_cast<std::size_t>(id)] / sum_;
  }
  /// Entropy -sum p ln p, in nats.
  double entropy() const { return entropy_; }
  /// Sum of all returned probabilities: 1 up to rounding.
  double total() const;

 private:
  Softmax(LogitRow logits, double maximum, double temperature);
  double shifted(std::int64_t id) const;

  LogitRow logits_;
  double maximum_ = 0;
  double temperature_;
  std::vector<double> weights_;  ///< exp(shifted) of each token
  double sum_ = 0, log_sum_ = 0;
  double entropy_ = 0;
};

/// Tokens from best to worst: by logit, ties by smaller id.
class Ranking {
 public:
  explicit Ranking(LogitRow logits);

  /// The `count` best ids, best first.
  std::span<const std::int32_t> best(std::int64_t count) const;
  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }

 private:
  std::vector<std::int32_t> ids_;
};

/// Rank of a token: 1 + the number of tokens with a strictly larger logit.
std::int64_t rank_of(LogitRow logits, std::int64_t id);

/// Tokens that top-p keeps (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration").
struct Nucleus {
  std::int64_t size = 0;
  double probability = 0;  ///< sum of their probabilities
};

/// Smallest set of best tokens whose cumulative probability is at least `p`; for p = 1 all tokens.
/// If tokens tie at the border, smaller ids come first.
Nucleus nucleus(const Softmax& softmax, const Ranking& ranking, double p);

/// `nucleus` of several p, in one pass over the tokens.
std::vector<Nucleus> nuclei(const Softmax& softmax, const Ranking& ranking,
                            std::span<const double> p);

}  // namespace lensbench::token_analysis
