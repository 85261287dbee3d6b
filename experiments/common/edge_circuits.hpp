#pragma once

// Circuits of the best edges of a model, by scores that are means over prompts.

#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace common {

// Streams of the seed.
inline constexpr std::uint64_t kStreamOfRandomCircuits = 1, kStreamOfSamples = 2;

/// Edges from the best to the worst; equal ones keep their order.
/// \param values  [edge] float64
inline std::vector<std::int64_t> by_value(const at::Tensor& values) {
  const std::vector<double> numbers = lensbench::statistics::values_of(values);
  std::vector<std::int64_t> order(numbers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return numbers[static_cast<std::size_t>(a)] > numbers[static_cast<std::size_t>(b)];
  });
  return order;
}

/// Number of edges of a share: floor(share * edges), as the tool keeps them.
inline std::int64_t kept_of(double share, std::int64_t edges) {
  return static_cast<std::int64_t>(std::floor(share * static_cast<double>(edges)));
}

/// The first `count` edges of an order, [edge] bool.
inline at::Tensor circuit_of(const std::vector<std::int64_t>& order, std::int64_t count) {
  at::Tensor kept = at::zeros({std::ssize(order)}, at::kBool);
  for (std::int64_t i = 0; i < count; ++i)
    kept.data_ptr<bool>()[order[static_cast<std::size_t>(i)]] = true;
  return kept;
}

/// Edges in a random order (Fisher and Yates).
inline std::vector<std::int64_t> shuffled_edges(std::int64_t count, lensbench::Philox& random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

/// Circuits of the best edges by signed importance for every share, then by magnitude, then
/// `draws` circuits of random edges for every share, [circuit, edge] bool.
/// \param importance  [edge] float64, mean over prompts
inline at::Tensor circuits_of(const at::Tensor& importance, const std::vector<double>& shares,
                              std::int64_t draws, std::uint64_t seed) {
  const std::int64_t edges = importance.size(0);
  std::vector<at::Tensor> circuits;
  for (const at::Tensor& values : {importance, importance.abs()}) {
    const std::vector<std::int64_t> order = by_value(values);
    for (const double share : shares) circuits.push_back(circuit_of(order, kept_of(share, edges)));
  }
  lensbench::Philox random(seed, kStreamOfRandomCircuits);
  for (const double share : shares)
    for (std::int64_t draw = 0; draw < draws; ++draw)
      circuits.push_back(circuit_of(shuffled_edges(edges, random), kept_of(share, edges)));
  return at::stack(circuits);
}

/// Jaccard index of the best edges of random samples of the prompts and of all prompts: mean over
/// samples, by share. Samples are drawn with replacement; NaN for a share without an edge, and for
/// fewer than two prompts.
/// \param importance  [prompt, edge] float64
inline std::vector<double> stability_of(const at::Tensor& importance,
                                        const std::vector<double>& shares, std::int64_t samples,
                                        std::uint64_t seed) {
  const std::int64_t cases = importance.size(0), edges = importance.size(1);
  std::vector<double> sums(shares.size(), 0.0);
  const std::vector<std::int64_t> best = by_value(importance.mean(0));
  lensbench::Philox random(seed, kStreamOfSamples);
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    std::vector<std::int64_t> drawn(static_cast<std::size_t>(cases));
    for (std::int64_t& one : drawn)
      one = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(cases)));
    const std::vector<std::int64_t> order =
        by_value(importance.index_select(0, at::tensor(drawn, at::kLong)).mean(0));
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const std::int64_t count = kept_of(shares[i], edges);
      const std::set<std::int64_t> of_all(best.begin(), best.begin() + count);
      const auto shared = static_cast<double>(
          std::count_if(order.begin(), order.begin() + count,
                        [&](std::int64_t edge) { return of_all.contains(edge); }));
      sums[i] += shared / (2 * static_cast<double>(count) - shared);
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i)
    sums[i] = cases < 2 || kept_of(shares[i], edges) == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                          : sums[i] / static_cast<double>(samples);
  return sums;
}

}  // namespace common
