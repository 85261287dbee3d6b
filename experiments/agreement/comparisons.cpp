#include "comparisons.hpp"

#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

namespace agreement {
namespace {

using namespace lensbench;

constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();
/// Random numbers of the order of components: one stream for each case.
constexpr std::uint64_t kOrderStream = std::uint64_t{1} << 45;

bool has_missing(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

std::set<std::size_t> largest(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t k) {
    return std::abs(values[i]) > std::abs(values[k]);
  });
  return {order.begin(), order.begin() + kTop};
}

std::vector<std::size_t> random_order(std::size_t count, std::uint64_t seed, std::int64_t number) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Philox random(seed, kOrderStream + static_cast<std::uint64_t>(number));
  for (std::size_t i = 0; i + 1 < count; ++i)
    std::swap(order[i], order[i + random.below(count - i)]);
  return order;
}

std::vector<double> in_order(const std::vector<double>& values,
                             const std::vector<std::size_t>& order) {
  std::vector<double> moved;
  moved.reserve(values.size());
  for (const std::size_t i : order) moved.push_back(values[i]);
  return moved;
}

}  // namespace

std::vector<double> ranks_by_size(const std::vector<double>& values) {
  std::vector<double> ranks;
  ranks.reserve(values.size());
  for (const double value : values) {
    const auto larger = std::count_if(values.begin(), values.end(), [&](double other) {
      return std::abs(other) > std::abs(value);
    });
    ranks.push_back(std::isnan(value) ? kNotDefined : 1 + static_cast<double>(larger));
  }
  return ranks;
}

double sign_agreement(const std::vector<double>& a, const std::vector<double>& b,
                      double threshold) {
  double same = 0, compared = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i]) > threshold && std::abs(b[i]) > threshold)) continue;
    compared += 1;
    if ((a[i] > 0) == (b[i] > 0)) same += 1;
  }
  return compared > 0 ? same / compared : kNotDefined;
}

double top_overlap(const std::vector<double>& a, const std::vector<double>& b) {
  if (std::ssize(a) <= kTop || has_missing(a) || has_missing(b)) return kNotDefined;
  const auto best = largest(a), other = largest(b);
  const auto shared = static_cast<double>(std::count_if(
      best.begin(), best.end(), [&](std::size_t component) { return other.contains(component); }));
  return shared / (2 * static_cast<double>(kTop) - shared);
}

Comparison compare(const at::Tensor& values, double gap, std::uint64_t seed, std::int64_t number) {
  const std::int64_t methods = values.size(0);
  std::vector<std::vector<double>> rows;
  rows.reserve(static_cast<std::size_t>(methods));
  for (std::int64_t method = 0; method < methods; ++method)
    rows.push_back(statistics::values_of(values[method]));
  const auto order = random_order(rows.front().size(), seed, number);
  const auto empty = [&] { return at::full({methods, methods}, kNotDefined, at::kDouble); };
  Comparison found{empty(), empty(), empty(), empty()};
  for (std::int64_t i = 0; i < methods; ++i)
    for (std::int64_t k = 0; k < methods; ++k) {
      const auto &a = rows[static_cast<std::size_t>(i)], &b = rows[static_cast<std::size_t>(k)];
      found.spearman[i][k] = statistics::spearman(a, b);
      found.sign_agreement[i][k] = sign_agreement(a, b, kSignificantShare * std::abs(gap));
      found.top_overlap[i][k] = top_overlap(a, b);
      found.permuted_spearman[i][k] = statistics::spearman(a, in_order(b, order));
    }
  return found;
}

}  // namespace agreement
