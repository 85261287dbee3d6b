#include "grading/scores/ranking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lensbench::grading {
namespace {

double comparable(double score) {
  return std::isnan(score) ? -std::numeric_limits<double>::infinity() : score;
}

/// Indices by score, largest first.
std::vector<std::size_t> order_of(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return comparable(scores[a]) > comparable(scores[b]);
  });
  return order;
}

/// End of the group of equal scores that begins at `begin` of the order.
std::size_t end_of_ties(const std::vector<double>& scores, const std::vector<std::size_t>& order,
                        std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < order.size() && comparable(scores[order[end]]) == comparable(scores[order[begin]]))
    ++end;
  return end;
}

}  // namespace

std::vector<double> ranks_from_largest(const std::vector<double>& scores) {
  const auto order = order_of(scores);
  std::vector<double> ranks(scores.size());
  for (std::size_t begin = 0; begin < order.size();) {
    const std::size_t end = end_of_ties(scores, order, begin);
    // Mean of begin + 1 to end.
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

double auroc(const std::vector<double>& scores, const std::vector<bool>& member) {
  const auto ranks = ranks_from_largest(scores);
  const double n = static_cast<double>(scores.size());
  double members = 0, sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (member[i]) {
      members += 1;
      sum += n + 1 - ranks[i];  // rank from the smallest
    }
  const double others = n - members;
  if (members == 0 || others == 0) return std::numeric_limits<double>::quiet_NaN();
  return (sum - members * (members + 1) / 2) / (members * others);
}

double average_precision(const std::vector<double>& scores, const std::vector<bool>& member) {
  const auto order = order_of(scores);
  double found = 0, sum = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    const std::size_t end = end_of_ties(scores, order, begin);
    double relevant = 0;
    for (std::size_t i = begin; i < end; ++i) relevant += member[order[i]] ? 1 : 0;
    const double ties = static_cast<double>(end - begin);
    // A member at the i-th place of the group has on average a share of the others before it.
    for (std::size_t i = begin; i < end && relevant > 0; ++i) {
      const double before =
          ties > 1 ? static_cast<double>(i - begin) * (relevant - 1) / (ties - 1) : 0;
      sum += relevant / ties * (found + 1 + before) / static_cast<double>(i + 1);
    }
    found += relevant;
    begin = end;
  }
  return found == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / found;
}

}  // namespace lensbench::grading
