#include <algorithm>
#include <bit>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <numeric>

#include "core/statistics/samples.hpp"

// Intervals and tests by resampling. Draws come from Philox and sums are made in the order of the
// values, so that seed and number of samples determine the result. Sources of the formulas are in
// hypothesis.hpp.

namespace lensbench::statistics {
namespace {

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

double size_of(const std::vector<double>& values) {
  return static_cast<double>(values.size());
}

/// Sample variance (divisor n - 1); NaN for fewer than two values.
double variance(const std::vector<double>& values) {
  // The standard error is the root of variance / n.
  const double error = standard_error(values);
  return error * error * size_of(values);
}

/// Means of samples drawn with replacement, in ascending order.
std::vector<double> resampled_means(const std::vector<double>& values,
                                    const Resampling& resampling) {
  Philox random(resampling.seed);
  std::vector<double> means(static_cast<std::size_t>(resampling.samples));
  for (double& one : means) {
    double total = 0;
    for (std::size_t i = 0; i < values.size(); ++i) total += values[random.below(values.size())];
    one = total / size_of(values);
  }
  std::sort(means.begin(), means.end());
  return means;
}

/// Acceleration of the BCa interval: a sixth of the skewness of the jackknife means, which
/// estimates the rate of change of the standard error (Efron 1987).
double acceleration(const std::vector<double>& values) {
  // The mean without one value, for each value in turn, from one sum: n steps in place of n
  // squared.
  const double total = sum(values), n = size_of(values);
  std::vector<double> left_out;
  left_out.reserve(values.size());
  for (const double value : values) left_out.push_back((total - value) / (n - 1));
  const double middle = mean(left_out);
  double cubes = 0, squares = 0;
  for (const double value : left_out) {
    cubes += std::pow(middle - value, 3);
    squares += std::pow(middle - value, 2);
  }
  // Equal means give 0 / 0; a sample without spread does not need the correction.
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

/// Share of resampled means below the estimate. Ties count half; the result is kept away from 0 and
/// 1, whose normal quantiles are infinite.
/// \param rounding  difference up to which two means are a tie: every order of the same values has
///   the same mean, but its sum is rounded in another way
double share_below(const std::vector<double>& means, double estimate, double rounding) {
  const auto below =
      std::lower_bound(means.begin(), means.end(), estimate - rounding) - means.begin();
  const auto not_above =
      std::upper_bound(means.begin(), means.end(), estimate + rounding) - means.begin();
  const double n = size_of(means);
  return std::clamp(0.5 * static_cast<double>(below + not_above) / n, 0.5 / n, 1 - 0.5 / n);
}

/// Difference in units of a deviation; NaN if the deviation is 0 and the difference is not.
double standardised(double difference, double deviation) {
  return deviation > 0 ? difference / deviation : (difference == 0 ? 0 : kUndefined);
}

/// Tests whether a permuted statistic is at least as extreme as the observed one. The tolerance
/// covers the last bits, in which sums of another order differ.
class AsExtreme {
 public:
  explicit AsExtreme(double observed) : least_(std::abs(observed) * (1 - 1e-12)) {}
  bool operator()(double statistic) const { return std::abs(statistic) >= least_; }

 private:
  double least_;
};

/// Binomial coefficient n over k; `most` + 1 if it is greater than `most`.
std::int64_t combinations(std::size_t n, std::size_t k, std::int64_t most) {
  double ways = 1;
  // The product is a whole number after every division, and stays exact as long as it is below
  // 2^53.
  for (std::size_t i = 1; i <= std::min(k, n - k); ++i) {
    ways = ways * static_cast<double>(n - i + 1) / static_cast<double>(i);
    if (ways > static_cast<double>(most)) return most + 1;
  }
  return static_cast<std::int64_t>(std::llround(ways));
}

/// p over all splits of the pooled values into k and the rest. The observed split is one of them,
/// so p is never 0.
double exact_split_p(const std::vector<double>& pooled, std::size_t k, double observed) {
  std::vector<char> chosen(pooled.size(), 0);
  std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(k), 1);
  const double total = sum(pooled), n = static_cast<double>(k), m = size_of(pooled) - n;
  const AsExtreme as_extreme(observed);
  std::int64_t extreme = 0, all = 0;
  do {
    double first = 0;
    // The sum of the other part follows from the total.
    for (std::size_t i = 0; i < pooled.size(); ++i) first += chosen[i] ? pooled[i] : 0;
    extreme += as_extreme(first / n - (total - first) / m);
    ++all;
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  return static_cast<double>(extreme) / static_cast<double>(all);
}

/// p over random splits. The observed one is counted in addition, so that p is never 0 and the test
/// keeps its level (Phipson and Smyth 2010).
double random_split_p(std::vector<double> pooled, std::size_t k, double observed,
                      const Resampling& resampling) {
  Philox random(resampling.seed);
  const double total = sum(pooled), n = static_cast<double>(k), m = size_of(pooled) - n;
  const AsExtreme as_extreme(observed);
  std::int64_t extreme = 0;
  for (std::int64_t s = 0; s < resampling.samples; ++s) {
    double first = 0;
    for (std::size_t i = 0; i < k; ++i) {  // the start of a Fisher-Yates shuffle
      std::swap(pooled[i], pooled[i + random.below(pooled.size() - i)]);
      first += pooled[i];
    }
    extreme += as_extreme(first / n - (total - first) / m);
  }
  return static_cast<double>(1 + extreme) / static_cast<double>(1 + resampling.samples);
}

/// p over flipped signs of the differences, exact if all 2^n patterns are at most as many as the
/// samples. The sum is compared, since all patterns have the same n.
double sign_flip_p(const std::vector<double>& differences, const Resampling& resampling) {
  const AsExtreme as_extreme(sum(differences));
  const std::size_t n = differences.size();
  std::int64_t extreme = 0;
  const bool exact = n < 62 && (std::int64_t{1} << n) <= resampling.samples;
  const std::int64_t draws = exact ? std::int64_t{1} << n : resampling.samples;
  Philox random(resampling.seed);
  for (std::int64_t s = 0; s < draws; ++s) {
    double total = 0;
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < n; ++i) {
      // One random number has the signs of 32 differences.
      if (!exact && i % 32 == 0) word = random.next_u32();
      const bool minus = exact ? (s >> i & 1) != 0 : (word >> (i % 32) & 1) != 0;
      total += minus ? -differences[i] : differences[i];
    }
    extreme += as_extreme(total);
  }
  if (exact) return static_cast<double>(extreme) / static_cast<double>(draws);
  return static_cast<double>(1 + extreme) / static_cast<double>(1 + draws);
}

TestResult undefined_result(double difference) {
  return {difference, kUndefined, kUndefined, kUndefined, kUndefined};
}

}  // namespace

/// BCa interval: the bounds are quantiles of the resampled means, at levels that bias and
/// acceleration move away from those of a symmetric distribution (Efron 1987).
Interval bootstrap_mean(const std::vector<double>& values, const Resampling& resampling) {
  check_resampling(resampling);
  const auto kept = present(values);
  const double estimate = mean(kept);
  if (kept.size() < 2) return {estimate, kUndefined, kUndefined};
  if (is_constant(kept)) return {estimate, estimate, estimate};
  const auto means = resampled_means(kept, resampling);
  const boost::math::normal normal;
  const double largest = std::abs(*std::max_element(
      kept.begin(), kept.end(), [](double x, double y) { return std::abs(x) < std::abs(y); }));
  // Bound of the rounding error of a sum of n terms, relative to the largest.
  const double rounding = size_of(kept) * std::numeric_limits<double>::epsilon() * largest;
  const double bias = quantile(normal, share_below(means, estimate, rounding));
  const double a = acceleration(kept), tail = (1 - resampling.confidence) / 2;
  // z0 + (z0 + z) / (1 - a (z0 + z)), with the bias z0 included in z.
  const auto bound = [&](double share) {
    const double z = bias + quantile(normal, share);
    return statistics::quantile(means, cdf(normal, bias + z / (1 - a * z)));
  };
  return {estimate, bound(tail), bound(1 - tail)};
}

double hedges_g(const std::vector<double>& a, const std::vector<double>& b) {
  const auto x = present(a), y = present(b);
  if (x.size() < 2 || y.size() < 2) return kUndefined;
  const double degrees = size_of(x) + size_of(y) - 2;
  const double pooled = ((size_of(x) - 1) * variance(x) + (size_of(y) - 1) * variance(y)) / degrees;
  // Factor that removes the bias of small samples to first order; 4n - 9 with n - 2 degrees.
  const double correction = 1 - 3 / (4 * degrees - 1);
  return standardised(mean(x) - mean(y), std::sqrt(pooled)) * correction;
}

TestResult permutation_test(const std::vector<double>& a, const std::vector<double>& b,
                            const Resampling& resampling) {
  check_resampling(resampling);
  const auto x = present(a), y = present(b);
  const double difference = mean(x) - mean(y);
  if (x.empty() || y.empty()) return undefined_result(difference);
  std::vector<double> pooled = x;
  pooled.insert(pooled.end(), y.begin(), y.end());
  // All splits if they are not more than the random ones would be, since an exact p costs less
  // then.
  const bool exact =
      combinations(pooled.size(), x.size(), resampling.samples) <= resampling.samples;
  const double p = exact ? exact_split_p(pooled, x.size(), difference)
                         : random_split_p(pooled, x.size(), difference, resampling);
  return {difference, p, hedges_g(x, y), difference, kUndefined};
}

TestResult paired_permutation_test(const std::vector<double>& a, const std::vector<double>& b,
                                   const Resampling& resampling) {
  check_resampling(resampling);
  if (a.size() != b.size())
    throw UsageError("paired test: the samples differ in length (" + std::to_string(a.size()) +
                     " and " + std::to_string(b.size()) +
                     " values); give one value of each per "
                     "pair");
  // A pair with a missing value cannot be used; the others keep their order.
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!std::isnan(a[i]) && !std::isnan(b[i])) differences.push_back(a[i] - b[i]);
  const double difference = mean(differences);
  if (differences.empty()) return undefined_result(difference);
  // Cohen's d_z: in deviations of the differences, not of the values.
  const double effect = differences.size() < 2
                            ? kUndefined
                            : standardised(difference, std::sqrt(variance(differences)));
  return {difference, sign_flip_p(differences, resampling), effect, difference, kUndefined};
}

TestResult welch_t_test(const std::vector<double>& a, const std::vector<double>& b) {
  const auto x = present(a), y = present(b);
  const double difference = mean(x) - mean(y);
  if (x.size() < 2 || y.size() < 2) return undefined_result(difference);
  const double of_x = variance(x) / size_of(x), of_y = variance(y) / size_of(y);
  const double error = std::sqrt(of_x + of_y);
  // Two constant samples: t is not defined.
  if (!(error > 0)) return undefined_result(difference);
  const double t = difference / error;
  // Welch and Satterthwaite's approximation, which is not a whole number in general.
  const double degrees =
      std::pow(of_x + of_y, 2) / (of_x * of_x / (size_of(x) - 1) + of_y * of_y / (size_of(y) - 1));
  const boost::math::students_t distribution(degrees);
  const double p = 2 * cdf(complement(distribution, std::abs(t)));
  return {difference, p, hedges_g(x, y), t, degrees};
}

std::vector<double> adjust(const std::vector<double>& p, Correction correction) {
  // Missing values are not tests, so they do not count in the correction.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (!std::isnan(p[i])) order.push_back(i);
  std::vector<double> adjusted = p;
  if (correction == Correction::none || order.empty()) return adjusted;
  std::stable_sort(order.begin(), order.end(), [&](auto i, auto k) { return p[i] < p[k]; });
  const auto m = order.size();
  // Holm, from the smallest p on: p times the number of tests left, never less than before it.
  if (correction == Correction::holm) {
    double largest = 0;
    for (std::size_t rank = 0; rank < m; ++rank) {
      largest = std::max(largest, p[order[rank]] * static_cast<double>(m - rank));
      adjusted[order[rank]] = std::min(1.0, largest);
    }
    return adjusted;
  }
  // Benjamini and Hochberg, from the largest p on: p times m / rank, never more than after it.
  double smallest = 1;
  for (std::size_t rank = m; rank-- > 0;) {
    const double scale = static_cast<double>(m) / static_cast<double>(rank + 1);
    smallest = std::min(smallest, p[order[rank]] * scale);
    adjusted[order[rank]] = smallest;
  }
  return adjusted;
}

}  // namespace lensbench::statistics
