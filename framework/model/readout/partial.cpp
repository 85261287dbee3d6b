#include "model/readout/partial.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace lensbench::readout {

/// Keeps the k best in any order: linear time, against n log n of a sort.
void TopK::trim() {
  if (entries_.size() <= k_) return;
  std::nth_element(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(k_) - 1,
                   entries_.end(), better);
  entries_.resize(k_);
  // A candidate must beat the worst kept one.
  threshold_ = entries_.back().logit;
}

void TopK::expect_blocks(const std::vector<float>& maxima, std::int64_t n_blocks) {
  // Only useful before the first candidate, and with at least k blocks.
  if (!entries_.empty() || k_ == 0 || n_blocks < static_cast<std::int64_t>(k_)) return;
  std::vector<float> sorted(maxima.begin(), maxima.begin() + n_blocks);
  const auto kth = sorted.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
  std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
  // Candidates equal to it must still pass the threshold.
  threshold_ = std::nextafter(*kth, std::numeric_limits<float>::lowest());
}

void TopK::merge(const TopK& other) {
  for (const Candidate& candidate : other.entries_) offer(candidate);
}

const std::vector<Candidate>& TopK::finish() {
  // After trim, at most k candidates are left to be sorted.
  trim();
  std::sort(entries_.begin(), entries_.end(), better);
  entries_.shrink_to_fit();
  return entries_;
}

void Partial::merge_sums(const Partial& other) {
  const double most = std::max(max, other.max);
  // Both sides are rescaled to the larger maximum. An empty side is skipped: exp(-inf) is 0, but
  // 0 * (-inf - most) would be NaN.
  const auto shift = [most](const Partial& part, double& sum, double& weighted_sum) {
    if (part.exponentials == 0) return;
    const double scale = std::exp(part.max - most);
    weighted_sum += scale * (part.weighted + part.exponentials * (part.max - most));
    sum += scale * part.exponentials;
  };
  double sum = 0, weighted_sum = 0;
  shift(*this, sum, weighted_sum);
  shift(other, sum, weighted_sum);
  max = most;
  exponentials = sum;
  weighted = weighted_sum;

  // The divergence has its own reference maximum: that of the row it is compared with.
  const double reference = std::max(reference_max, other.reference_max);
  if (!std::isfinite(reference)) return;
  divergence = divergence * std::exp(reference_max - reference) +
               other.divergence * std::exp(other.reference_max - reference);
  reference_max = reference;
}

void TargetPart::merge(const TargetPart& other) {
  above += other.above;
  near.insert(near.end(), other.near.begin(), other.near.end());
  // The target is in exactly one part of the vocabulary.
  if (!std::isnan(other.logit)) logit = other.logit;
}

void Partial::merge(const Partial& other) {
  merge_sums(other);
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i].merge(other.targets[i]);
  if (!std::isnan(other.scored_logit)) scored_logit = other.scored_logit;
  top.merge(other.top);
}

double Partial::log_sum_exp() const {
  return max + std::log(exponentials);
}

/// Logits within the band were stored, since the target's own logit was not yet known.
std::int64_t TargetPart::rank() const {
  return 1 + above + std::count_if(near.begin(), near.end(), [this](float z) { return z > logit; });
}

}  // namespace lensbench::readout
