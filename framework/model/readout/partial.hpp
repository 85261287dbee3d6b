#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace lensbench::readout {

struct Candidate {
  float logit;
  std::int64_t id;
};

/// Larger logit first, smaller id among equals: a total order, so the k best are unique.
inline bool better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

/// The k best of the candidates offered, in any order of offering.
class TopK {
 public:
  explicit TopK(std::int64_t k = 0) : k_(static_cast<std::size_t>(k)) {}

  /// A candidate with a logit not above this and a larger id than all before it changes nothing.
  float threshold() const { return threshold_; }
  void offer(const Candidate& candidate) {
    entries_.push_back(candidate);
    if (entries_.size() >= 2 * k_ + 32) trim();
  }
  /// Nothing below the k-th largest of so many maxima of disjoint blocks can be among the k best.
  void expect_blocks(const std::vector<float>& maxima, std::int64_t n_blocks);
  void merge(const TopK& other);
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  /// Drops all but the k best, sorted; frees the rest.
  const std::vector<Candidate>& finish();

 private:
  void trim();

  std::size_t k_;
  float threshold_ = std::numeric_limits<float>::lowest();
  std::vector<Candidate> entries_;
};

/// What is known of one (layer, row) after part of the vocabulary. Parts merge in vocabulary order.
struct Partial {
  // With x = z - max: sum exp(x) and sum exp(x) x.
  double max = -std::numeric_limits<double>::infinity();
  double exponentials = 0;
  double weighted = 0;
  // sum exp(z_ref - reference_max) (z_ref - z), the divergence from the reference row.
  double reference_max = -std::numeric_limits<double>::infinity();
  double divergence = 0;
  // Columns surely above the target, and the logits too near to tell before the target's own is
  // known.
  std::int64_t above = 0;
  std::vector<float> near;
  float target_logit = std::numeric_limits<float>::quiet_NaN();
  float scored_logit = std::numeric_limits<float>::quiet_NaN();
  TopK top;

  void merge_sums(const Partial& other);
  void merge(const Partial& other);

  double log_sum_exp() const;
  /// 1 + columns strictly above the target.
  std::int64_t rank() const;
};

}  // namespace lensbench::readout
