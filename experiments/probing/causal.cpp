#include "causal.hpp"

#include <cmath>
#include <lensbench/statistics.hpp>
#include <limits>

namespace probing_experiment {
namespace {

/// Means of a number of each case by label, without missing ones.
struct LabelMeans {
  template <class Get>
  LabelMeans(const std::vector<MeasuredCase>& cases, const std::vector<std::size_t>& chosen,
             Get get) {
    std::vector<double> ones, twos;
    for (const std::size_t i : chosen) (cases[i].second ? twos : ones).push_back(get(cases[i]));
    first = lensbench::statistics::mean(ones);
    second = lensbench::statistics::mean(twos);
  }
  double first = 0, second = 0;
};

/// NaN for a divisor that is too small.
double ratio(double value, double divisor, double min_gap) {
  return std::abs(divisor) < min_gap || divisor == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                     : value / divisor;
}

}  // namespace

std::vector<double> CausalNumbers::all() const {
  std::vector<double> numbers = {accuracy, label_effect, moved_effect, recovered, removed_share};
  numbers.insert(numbers.end(), random_recovered.begin(), random_recovered.end());
  numbers.insert(numbers.end(), random_removed_share.begin(), random_removed_share.end());
  return numbers;
}

CausalNumbers causal_numbers(const std::vector<MeasuredCase>& cases,
                             const std::vector<std::size_t>& chosen, double min_gap) {
  const auto means = [&](auto get) { return LabelMeans(cases, chosen, get); };
  CausalNumbers found;
  std::vector<double> right;
  right.reserve(chosen.size());
  for (const std::size_t i : chosen) right.push_back(cases[i].right ? 1 : 0);
  found.accuracy = lensbench::statistics::mean(right);

  const LabelMeans base = means([](const MeasuredCase& c) { return c.base; });
  found.label_effect = base.second - base.first;
  // Moved to the other label, the first one gains what the second one loses.
  const auto gain = [](const LabelMeans& moved) { return (moved.first - moved.second) / 2; };
  const auto share = [&](double effect) { return ratio(effect, found.label_effect, min_gap); };
  const auto lost = [&](const LabelMeans& removed) {
    return share(removed.first - removed.second);
  };
  found.moved_effect = gain(means([](const MeasuredCase& c) { return c.moved; }));
  found.recovered = share(found.moved_effect);
  found.removed_share = lost(means([](const MeasuredCase& c) { return c.removed; }));
  const std::size_t draws = cases.empty() ? 0 : cases.front().random_moved.size();
  for (std::size_t draw = 0; draw < draws; ++draw) {
    found.random_recovered.push_back(
        share(gain(means([&](const MeasuredCase& c) { return c.random_moved[draw]; }))));
    found.random_removed_share.push_back(
        lost(means([&](const MeasuredCase& c) { return c.random_removed[draw]; })));
  }
  return found;
}

}  // namespace probing_experiment
