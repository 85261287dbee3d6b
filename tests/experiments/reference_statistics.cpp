#include "experiments/reference_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lensbench::testing::reference {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();

Values without_missing(const Values& values) {
  Values kept;
  for (const double value : values)
    if (!std::isnan(value)) kept.push_back(value);
  return kept;
}

double count(const Values& values) {
  return static_cast<double>(values.size());
}

double squared_deviations(const Values& values) {
  double sum = 0;
  for (const double value : values) sum += (value - mean(values)) * (value - mean(values));
  return sum;
}

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

/// By halving an interval: 200 steps leave no bit open.
double normal_quantile(double share) {
  double low = -40, high = 40;
  for (int step = 0; step < 200; ++step) {
    const double middle = 0.5 * (low + high);
    (normal_cdf(middle) < share ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

/// Means of all samples of as many values, with repetition, ascending.
Values all_resampled_means(const Values& values) {
  Values means;
  std::vector<std::size_t> choice(values.size(), 0);
  for (std::size_t place = 0; place < choice.size();) {
    double sum = 0;
    for (const std::size_t i : choice) sum += values[i];
    means.push_back(sum / count(values));
    for (place = 0; place < choice.size() && ++choice[place] == values.size(); ++place)
      choice[place] = 0;
  }
  std::sort(means.begin(), means.end());
  return means;
}

/// A sixth of the skewness of the means that leave one value out.
double acceleration(const Values& values) {
  Values jackknife;
  for (const double left_out : values) {
    double sum = 0;
    for (const double value : values) sum += value;
    jackknife.push_back((sum - left_out) / (count(values) - 1));
  }
  double cubes = 0;
  for (const double one : jackknife) cubes += std::pow(mean(jackknife) - one, 3);
  return cubes / (6 * std::pow(squared_deviations(jackknife), 1.5));
}

double four_errors(double share, double draws) {
  return 4 * std::sqrt(share * (1 - share) / draws);
}

/// Equal values within rounding: means of the same values summed in another order.
bool nearly(double a, double b) {
  return std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b));
}

}  // namespace

double mean(const Values& values) {
  const Values kept = without_missing(values);
  double sum = 0;
  for (const double value : kept) sum += value;
  return kept.empty() ? kNaN : sum / count(kept);
}

double standard_error(const Values& values) {
  const Values kept = without_missing(values);
  if (kept.size() < 2) return kNaN;
  return std::sqrt(squared_deviations(kept) / (count(kept) - 1)) / std::sqrt(count(kept));
}

double quantile(const Values& values, double q) {
  Values kept = without_missing(values);
  if (kept.empty()) return kNaN;
  std::sort(kept.begin(), kept.end());
  const double h = (count(kept) - 1) * q;
  const auto below = static_cast<std::size_t>(std::floor(h));
  const auto above = static_cast<std::size_t>(std::ceil(h));
  return kept[below] + (h - std::floor(h)) * (kept[above] - kept[below]);
}

double cohens_d_z(const Values& values) {
  const Values kept = without_missing(values);
  if (kept.size() < 2) return kNaN;
  const double deviation = std::sqrt(squared_deviations(kept) / (count(kept) - 1));
  if (deviation == 0) return mean(kept) == 0 ? 0 : kNaN;
  return mean(kept) / deviation;
}

double sign_flip_p(const Values& values) {
  const Values kept = without_missing(values);
  if (kept.empty()) return kNaN;
  const double observed = std::abs(mean(kept) * count(kept));
  double as_far = 0, all = 0;
  for (unsigned signs = 0; signs < 1u << kept.size(); ++signs) {
    double sum = 0;
    for (std::size_t i = 0; i < kept.size(); ++i) sum += (signs >> i & 1) ? -kept[i] : kept[i];
    all += 1;
    if (std::abs(sum) > observed || nearly(std::abs(sum), observed)) as_far += 1;
  }
  return as_far / all;
}

Values benjamini_hochberg(const Values& p) {
  const double tests = count(without_missing(p));
  Values adjusted;
  for (const double own : p) {
    double least = std::isnan(own) ? kNaN : 1;
    for (const double other : p) {
      if (!(other >= own)) continue;
      double not_above = 0;
      for (const double one : p) not_above += one <= other ? 1 : 0;
      least = std::min(least, tests * other / not_above);
    }
    adjusted.push_back(least);
  }
  return adjusted;
}

double pearson(const Values& x, const Values& y) {
  double products = 0;
  for (std::size_t i = 0; i < x.size(); ++i) products += (x[i] - mean(x)) * (y[i] - mean(y));
  return products / std::sqrt(squared_deviations(x) * squared_deviations(y));
}

double spearman(const Values& x, const Values& y) {
  const auto ranks = [](const Values& values) {
    Values result;
    for (const double own : values) {
      double smaller = 0, equal = 0;
      for (const double other : values) {
        smaller += other < own ? 1 : 0;
        equal += other == own ? 1 : 0;
      }
      result.push_back(smaller + (equal + 1) / 2);
    }
    return result;
  };
  return pearson(ranks(x), ranks(y));
}

/// The mean next to a quantile, below it for a negative direction. Few cases have few different
/// means, so that a quantile of the draws is one of them where that of all means is between two.
static double outer_quantile(Values means, double q, double direction) {
  std::sort(means.begin(), means.end());
  const double h = (count(means) - 1) * q;
  return means[static_cast<std::size_t>(direction < 0 ? std::floor(h) : std::ceil(h))];
}

IntervalEnds bootstrap_interval(const Values& values, double draws) {
  const Values kept = without_missing(values);
  const double estimate = mean(kept);
  if (kept.size() < 2) return {{kNaN, kNaN}, {kNaN, kNaN}};
  if (std::all_of(kept.begin(), kept.end(), [&](double x) { return x == kept.front(); }))
    return {{estimate, estimate}, {estimate, estimate}};
  const Values means = all_resampled_means(kept);
  double below = 0;  // ties count half
  for (const double one : means) below += nearly(one, estimate) ? 0.5 : one < estimate ? 1 : 0;
  const double share = below / count(means), a = acceleration(kept);
  // A bound for a share below the estimate that is off by so much, and a quantile that is.
  const auto bound = [&](double tail, double direction) {
    const double z0 = normal_quantile(share + direction * four_errors(share, draws));
    const double z = z0 + normal_quantile(tail);
    const double at = normal_cdf(z0 + z / (1 - a * z));
    return outer_quantile(means, std::clamp(at + direction * four_errors(at, draws), 0.0, 1.0),
                          direction);
  };
  return {{bound(0.025, -1), bound(0.025, 1)}, {bound(0.975, -1), bound(0.975, 1)}};
}

IntervalEnds percentile_interval(
    std::size_t units, const std::function<double(const std::vector<std::size_t>&)>& statistic,
    double draws) {
  Values all;
  std::vector<std::size_t> choice(units, 0);
  for (std::size_t place = 0; place < units;) {
    all.push_back(statistic(choice));
    for (place = 0; place < units && ++choice[place] == units; ++place) choice[place] = 0;
  }
  const Values kept = without_missing(all);
  if (units < 2 || kept.empty()) return {{kNaN, kNaN}, {kNaN, kNaN}};
  const double used = draws * count(kept) / count(all);
  const auto bound = [&](double tail, double direction) {
    return outer_quantile(kept, std::clamp(tail + direction * four_errors(tail, used), 0.0, 1.0),
                          direction);
  };
  return {{bound(0.025, -1), bound(0.025, 1)}, {bound(0.975, -1), bound(0.975, 1)}};
}

}  // namespace lensbench::testing::reference
