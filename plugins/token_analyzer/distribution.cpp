#include "token_analyzer/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <numeric>
#include <string>

namespace lensbench::token_analysis {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float checked_maximum(LogitRow logits) {
  float maximum = -kInfinity;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (std::isnan(logits[id]) || logits[id] == kInfinity)
      throw RunError("token_analyzer: the logit of token " + std::to_string(id) + " is " +
                     std::to_string(logits[id]) +
                     ", expected a finite number; check the model's weights and dtype");
    maximum = std::max(maximum, logits[id]);
  }
  if (maximum == -kInfinity)
    throw RunError("token_analyzer: none of the " + std::to_string(logits.size()) +
                   " logits of a position is finite; check the model's weights and dtype");
  return maximum;
}

}  // namespace

Softmax::Softmax(LogitRow logits, double temperature)
    : logits_(logits), maximum_(checked_maximum(logits)), temperature_(temperature) {
  // H = ln S - T / S with S = sum e^x, T = sum x e^x, x = (logit - max) / temperature: one pass,
  // and never negative, since S >= 1 and T <= 0.
  double sum = 0;
  double weighted = 0;
  for (std::int64_t id = 0; id < size(); ++id) {
    const double x = shifted(id);
    const double weight = std::exp(x);
    if (weight == 0) continue;
    sum += weight;
    weighted += x * weight;
  }
  log_sum_ = std::log(sum);
  entropy_ = log_sum_ - weighted / sum;
}

double Softmax::shifted(std::int64_t id) const {
  return (static_cast<double>(logits_[static_cast<std::size_t>(id)]) - maximum_) / temperature_;
}

double Softmax::probability(std::int64_t id) const {
  return std::exp(log_probability(id));
}

double Softmax::total() const {
  double total = 0;
  for (std::int64_t id = 0; id < size(); ++id) total += probability(id);
  return total;
}

Ranking::Ranking(LogitRow logits) : logits_(logits), ids_(logits.size()) {
  std::iota(ids_.begin(), ids_.end(), 0);
}

std::span<const std::int32_t> Ranking::best(std::int64_t count) {
  const auto wanted = std::min(static_cast<std::size_t>(count), ids_.size());
  if (wanted > sorted_) {
    // The sorted part doubles, so that requests that grow by one cost in total no more than one
    // sort.
    const auto target =
        static_cast<std::ptrdiff_t>(std::min(std::max(wanted, 2 * sorted_), ids_.size()));
    const auto better = [this](std::int32_t a, std::int32_t b) {
      const float x = logits_[static_cast<std::size_t>(a)];
      const float y = logits_[static_cast<std::size_t>(b)];
      return x != y ? x > y : a < b;
    };
    const auto begin = ids_.begin() + static_cast<std::ptrdiff_t>(sorted_);
    const auto end = ids_.begin() + target;
    std::nth_element(begin, end, ids_.end(), better);
    std::sort(begin, end, better);
    sorted_ = static_cast<std::size_t>(target);
  }
  return std::span<const std::int32_t>(ids_).first(wanted);
}

std::int64_t rank_of(LogitRow logits, std::int64_t id) {
  const float own = logits[static_cast<std::size_t>(id)];
  return 1 + std::count_if(logits.begin(), logits.end(), [own](float x) { return x > own; });
}

Nucleus nucleus(const Softmax& softmax, Ranking& ranking, double p) {
  if (p >= 1.0) return {softmax.size(), 1.0};
  Nucleus kept;
  while (kept.size < softmax.size()) {
    kept.probability += softmax.probability(ranking.best(kept.size + 1).back());
    ++kept.size;
    if (kept.probability >= p) break;
  }
  return kept;
}

}  // namespace lensbench::token_analysis
