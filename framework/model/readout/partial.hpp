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

/// The k best of all offered candidates, whatever their order.
class TopK {
 public:
  explicit TopK(std::int64_t k = 0) : k_(static_cast<std::size_t>(k)) {}

  /// Logit that a candidate must exceed if its id is larger than all earlier ids.
  float threshold() const { return threshold_; }
  void offer(const Candidate& candidate) {
    entries_.push_back(candidate);
    if (entries_.size() >= 2 * k_ + 32) trim();
  }
  /// Raises the threshold from the maxima of disjoint blocks of candidates: candidates below the
  /// k-th largest maximum cannot be among the k best.
  void expect_blocks(const std::vector<float>& maxima, std::int64_t n_blocks);
  void merge(const TopK& other);
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  /// Sorts the k best candidates and drops the others.
  const std::vector<Candidate>& finish();

 private:
  void trim();

  std::size_t k_;
  float threshold_ = std::numeric_limits<float>::lowest();
  std::vector<Candidate> entries_;
};

/// Rank and logit of one target of a row over part of the vocabulary.
struct TargetPart {
  // Number of columns certainly above the target, and the logits within its band, which are
  // compared once the target's own logit is known.
  std::int64_t above = 0;
  std::vector<float> near = {};
  float logit = std::numeric_limits<float>::quiet_NaN();

  void merge(const TargetPart& other);
  /// 1 + columns strictly above the target.
  std::int64_t rank() const;
};

/// Reduction of one (layer, row) over part of the vocabulary. Parts are merged in vocabulary order.
/// Sums are relative to the largest logit so far (online log-sum-exp, Milakov and Gimelshein 2018,
/// arXiv:1805.02867), so one pass over the logits is enough and exponentials never overflow.
struct Partial {
  // With x = z - max: sum exp(x) and sum exp(x) x.
  double max = -std::numeric_limits<double>::infinity();
  double exponentials = 0;
  double weighted = 0;
  // sum exp(z_ref - reference_max) (z_ref - z), the divergence from the reference row.
  double reference_max = -std::numeric_limits<double>::infinity();
  double divergence = 0;
  std::vector<TargetPart> targets;
  float scored_logit = std::numeric_limits<float>::quiet_NaN();
  TopK top;

  void merge_sums(const Partial& other);
  void merge(const Partial& other);

  double log_sum_exp() const;
};

}  // namespace lensbench::readout
