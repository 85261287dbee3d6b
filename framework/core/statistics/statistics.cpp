#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <numeric>

#include "core/statistics/samples.hpp"

// Statistics of samples in float64. Two passes are used for squares of deviations, because the
// difference of large sums would lose the digits that matter.

namespace lensbench::statistics {
namespace {

constexpr std::array<double, 3> kQuantiles = {0.25, 0.5, 0.75};

/// Ranks from 0; equal values share the mean of their ranks, as Spearman's correlation requires.
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

bool all_finite(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
}

/// Values of element `i` in all cases.
std::vector<double> across(const std::vector<std::vector<double>>& cases, std::size_t i) {
  std::vector<double> column;
  for (const auto& one : cases) column.push_back(one[i]);
  return column;
}

/// Cases must have one shape, because statistics are made for each element.
void check_shapes(const std::vector<at::Tensor>& cases, const std::string& name) {
  if (cases.empty())
    throw UsageError("statistics of '" + name +
                     "' over cases: expected at least one case, found 0");
  for (const auto& one : cases)
    if (one.sizes() != cases.front().sizes())
      throw UsageError("statistics of '" + name +
                       "' over cases: the tensors differ in shape; first reduce the axes that "
                       "differ, such as `token`");
}

Variable described(const Variable& like, const std::string& suffix, const std::string& what,
                   std::vector<std::string> dims) {
  return {.name = like.name + suffix,
          .dims = std::move(dims),
          .units = like.units,
          .long_name = what + " over cases (NaN: too few) of: " +
                       (like.long_name.empty() ? like.name : like.long_name)};
}

/// Reduces the values of each element over cases to one number.
template <class Reduce>
at::Tensor reduced(const std::vector<std::vector<double>>& cases, at::IntArrayRef shape,
                   Reduce reduce) {
  at::Tensor out = at::empty(shape, at::kDouble);
  double* data = out.data_ptr<double>();
  for (std::size_t i = 0; i < cases.front().size(); ++i) data[i] = reduce(across(cases, i));
  return out;
}

}  // namespace

/// Mean without missing values, summed in order.
double mean(const std::vector<double>& values) {
  const auto kept = present(values);
  if (kept.empty()) return kUndefined;
  return std::accumulate(kept.begin(), kept.end(), 0.0) / static_cast<double>(kept.size());
}

/// Sample standard deviation over the root of n.
double standard_error(const std::vector<double>& values) {
  const auto kept = present(values);
  if (kept.size() < 2) return kUndefined;
  const double middle = mean(kept), n = static_cast<double>(kept.size());
  double squares = 0;
  for (const double value : kept) squares += (value - middle) * (value - middle);
  return std::sqrt(squares / (n - 1) / n);
}

/// Quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, the
/// default of NumPy and R).
double quantile(const std::vector<double>& values, double q) {
  auto kept = present(values);
  if (kept.empty()) return kUndefined;
  std::sort(kept.begin(), kept.end());
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(kept.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const auto above = std::min(below + 1, kept.size() - 1);
  // Equal neighbours may be infinite; their difference would be NaN.
  if (kept[below] == kept[above]) return kept[below];
  return kept[below] + (rank - static_cast<double>(below)) * (kept[above] - kept[below]);
}

/// Both standard deviations share the factor 1 / (n - 1), which cancels.
double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() != y.size() || x.size() < 2 || !all_finite(x) || !all_finite(y)) return kUndefined;
  // The correlation with a constant is not defined.
  if (is_constant(x) || is_constant(y)) return kUndefined;
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
  // NaN cannot be ranked: it breaks the strict weak ordering that std::sort requires.
  if (!all_finite(x) || !all_finite(y)) return kUndefined;
  return pearson(mean_ranks(x), mean_ranks(y));
}

std::vector<double> values_of(const at::Tensor& tensor) {
  const at::Tensor wide = tensor.to(at::kCPU).to(at::kDouble).contiguous();
  const double* data = wide.data_ptr<double>();
  return {data, data + wide.numel()};
}

void add_over_cases(Dataset& dataset, const Variable& like, const std::vector<std::string>& dims,
                    const std::vector<at::Tensor>& cases) {
  check_shapes(cases, like.name);
  std::vector<std::vector<double>> rows;
  for (const auto& one : cases) rows.push_back(values_of(one));
  const at::IntArrayRef shape = cases.front().sizes();

  Variable means = described(like, "_mean", "mean", dims);
  means.tensor = reduced(rows, shape, [](const auto& column) { return mean(column); });
  Variable errors = described(like, "_se", "standard error of the mean", dims);
  errors.tensor = reduced(rows, shape, [](const auto& column) { return standard_error(column); });

  std::vector<std::string> with_quantile{"quantile"};
  with_quantile.insert(with_quantile.end(), dims.begin(), dims.end());
  Variable quantiles = described(like, "_quantile", "quantiles", with_quantile);
  std::vector<std::int64_t> full{std::ssize(kQuantiles)};
  full.insert(full.end(), shape.begin(), shape.end());
  quantiles.tensor = at::empty(full, at::kDouble);
  for (std::int64_t q = 0; q < std::ssize(kQuantiles); ++q)
    quantiles.tensor.select(0, q).copy_(reduced(rows, shape, [q](const auto& column) {
      return quantile(column, kQuantiles[static_cast<std::size_t>(q)]);
    }));

  if (!dataset.contains("quantile"))
    dataset.add_coordinate("quantile", at::tensor(at::ArrayRef<double>(kQuantiles), at::kDouble),
                           "share of cases at or below");
  dataset.add(means).add(errors).add(quantiles);
}

}  // namespace lensbench::statistics
