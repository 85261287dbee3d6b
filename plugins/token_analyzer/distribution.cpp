#include "token_analyzer/distribution.hpp"

#include <ATen/ops/exp.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

namespace lensbench::token_analysis {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Largest logit. \throws RunError for NaN, +inf, or a row without a finite logit
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

struct Ranked {
  std::uint32_t key;
  std::int32_t id;
};

/// Number that is smaller for a larger logit, and equal for equal ones: integers sort faster than
/// floats, and their digits allow a radix sort.
std::uint32_t descending_key(float logit) {
  const auto bits = std::bit_cast<std::uint32_t>(logit + 0.0F);  // -0 becomes 0
  const bool negative = (bits >> 31) != 0;
  // Floats with the sign bit order like integers after these two maps.
  return negative ? bits : ~(bits | 0x80000000U);
}

/// Three passes of 11 bits cover the 32 bits of a key.
constexpr int kDigitBits = 11;

/// Stable sort of `from` into `to` by one digit of the keys.
void sort_by_digit(const std::vector<Ranked>& from, std::vector<Ranked>& to, int shift) {
  constexpr std::uint32_t kDigits = 1U << kDigitBits;
  std::array<std::size_t, kDigits> begin{};
  const auto digit = [shift](const Ranked& token) { return (token.key >> shift) & (kDigits - 1); };
  for (const Ranked& token : from) ++begin[digit(token)];
  std::size_t before = 0;
  // Prefix sums: the place of the first token of each digit.
  for (std::size_t& place : begin) before += std::exchange(place, before);
  for (const Ranked& token : from) to[begin[digit(token)]++] = token;
}

}  // namespace

Softmax::Softmax(LogitRow logits, double temperature)
    : Softmax(logits, checked_maximum(logits), temperature) {}

Softmax Softmax::at_temperature(double temperature) const {
  return {logits_, maximum_, temperature};
}

/// One exponential for each token serves sum, entropy and probabilities.
Softmax::Softmax(LogitRow logits, double maximum, double temperature)
    : logits_(logits), maximum_(maximum), temperature_(temperature), weights_(logits.size()) {
  for (std::int64_t id = 0; id < size(); ++id) weights_[static_cast<std::size_t>(id)] = shifted(id);
  // libtorch's exp uses vector instructions; its results do not depend on the number of threads.
  at::Tensor weights = at::from_blob(weights_.data(), {size()}, at::kDouble);
  const std::vector<double> exponents = weights_;
  weights.exp_();
  // H = ln S - T / S with S = sum e^x, T = sum x e^x, x = (logit - max) / temperature; never
  // negative, since S >= 1 and T <= 0.
  double weighted = 0;
  for (std::size_t id = 0; id < weights_.size(); ++id) {
    sum_ += weights_[id];
    // A weight of 0 times an exponent of -inf would be NaN.
    if (weights_[id] != 0) weighted += exponents[id] * weights_[id];
  }
  log_sum_ = std::log(sum_);
  entropy_ = log_sum_ - weighted / sum_;
}

double Softmax::shifted(std::int64_t id) const {
  return (static_cast<double>(logits_[static_cast<std::size_t>(id)]) - maximum_) / temperature_;
}

/// Sum of the probabilities as they are returned, not of the weights.
double Softmax::total() const {
  double total = 0;
  for (std::int64_t id = 0; id < size(); ++id) total += probability(id);
  return total;
}

Ranking::Ranking(LogitRow logits) : ids_(logits.size()) {
  // A radix sort, since a nucleus of a flat distribution needs most of the vocabulary in order. It
  // is stable, so that ties stay in the order of ids.
  std::vector<Ranked> tokens(logits.size()), other(logits.size());
  for (std::size_t id = 0; id < logits.size(); ++id)
    tokens[id] = {descending_key(logits[id]), static_cast<std::int32_t>(id)};
  for (int shift = 0; shift < 32; shift += kDigitBits) {
    sort_by_digit(tokens, other, shift);
    tokens.swap(other);
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) ids_[i] = tokens[i].id;
}

std::span<const std::int32_t> Ranking::best(std::int64_t count) const {
  const auto wanted = std::min(static_cast<std::size_t>(count), ids_.size());
  return std::span<const std::int32_t>(ids_).first(wanted);
}

std::int64_t rank_of(LogitRow logits, std::int64_t id) {
  const float own = logits[static_cast<std::size_t>(id)];
  return 1 + std::count_if(logits.begin(), logits.end(), [own](float x) { return x > own; });
}

Nucleus nucleus(const Softmax& softmax, const Ranking& ranking, double p) {
  return nuclei(softmax, ranking, std::span(&p, 1)).front();
}

/// Ascending p: each nucleus contains the one before, so one pass over the ranked tokens serves
/// all.
std::vector<Nucleus> nuclei(const Softmax& softmax, const Ranking& ranking,
                            std::span<const double> p) {
  std::vector<std::size_t> ascending(p.size());
  std::iota(ascending.begin(), ascending.end(), std::size_t{0});
  std::stable_sort(ascending.begin(), ascending.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  const auto best = ranking.best(softmax.size());
  std::vector<Nucleus> all(p.size());
  Nucleus kept;
  for (const std::size_t i : ascending) {
    // p = 1 means all tokens, even if rounding reaches 1 earlier.
    if (p[i] >= 1.0) {
      all[i] = {softmax.size(), 1.0};
      continue;
    }
    while (kept.size < softmax.size() && (kept.size == 0 || kept.probability < p[i]))
      kept.probability += softmax.probability(best[static_cast<std::size_t>(kept.size++)]);
    all[i] = kept;
  }
  return all;
}

}  // namespace lensbench::token_analysis
