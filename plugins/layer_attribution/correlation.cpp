#include "correlation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lensbench::attribution {
namespace {

double mean(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

std::vector<double> mean_ranks(const std::vector<double>& x) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  std::vector<double> ranks(x.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && x[order[last + 1]] == x[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i)
      ranks[order[i]] = 0.5 * static_cast<double>(first + last);
    first = last + 1;
  }
  return ranks;
}

/// By comparison, since the rounding of the mean would leave a constant series some variance.
bool constant(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [&](double value) { return value == x.front(); });
}

bool all_finite(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace

double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  const double undefined = std::numeric_limits<double>::quiet_NaN();
  if (x.size() != y.size() || x.size() < 2 || !all_finite(x) || !all_finite(y)) return undefined;
  if (constant(x) || constant(y)) return undefined;
  const double mean_x = mean(x), mean_y = mean(y);
  double xx = 0.0, yy = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - mean_x, dy = y[i] - mean_y;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  return xy / std::sqrt(xx * yy);
}

double spearman(const std::vector<double>& x, const std::vector<double>& y) {
  // A NaN has no rank, and an unordered value would break the sort.
  if (!all_finite(x) || !all_finite(y)) return std::numeric_limits<double>::quiet_NaN();
  return pearson(mean_ranks(x), mean_ranks(y));
}

}  // namespace lensbench::attribution
