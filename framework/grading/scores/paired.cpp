#include "grading/scores/paired.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/statistics.hpp>

#include "grading/scores/metric_names.hpp"

namespace lensbench::grading {
namespace {

/// Whether the first metric of two entries is about one thing: membership is, whatever is claimed
/// of components or edges.
bool are_comparable(const Entry& a, const Entry& b) {
  const bool by_membership = a.kind == TableKind::effects || a.kind == TableKind::edges;
  return a.kind == b.kind && (by_membership || a.claim == b.claim);
}

/// The best of the entries that one can be compared with; the first one of several.
const Entry* best_entry(const std::vector<Entry>& entries, const Entry& one) {
  const Entry* best = nullptr;
  for (const Entry& entry : entries) {
    if (!are_comparable(entry, one) || entry.estimates.empty()) continue;
    const Estimate& own = entry.estimates.front();
    if (std::isnan(own.value)) continue;
    const bool larger = larger_is_better(own.name);
    if (best == nullptr || (larger ? own.value > best->estimates.front().value
                                   : own.value < best->estimates.front().value))
      best = &entry;
  }
  return best;
}

/// Mean difference where both have a number.
double mean_difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) differences.push_back(a[i] - b[i]);
  return statistics::mean(differences);
}

/// The first metric of each task, by its number.
std::vector<double> of_all_tasks(const Entry& entry) {
  std::vector<double> values;
  for (const GradedTask& task : entry.tasks) {
    values.resize(std::max(values.size(), task.task + 1), std::nan(""));
    values[task.task] = metrics_of(task.planted).front();
  }
  return values;
}

void set_worse(Entry& entry, const Entry& best) {
  Estimate& own = entry.estimates.front();
  const double sign = larger_is_better(own.name) ? 1 : -1;
  own.worse = sign * mean_difference(of_all_tasks(best), of_all_tasks(entry));
  std::vector<double> differences;
  for (std::size_t draw = 0; draw < std::min(entry.headline.size(), best.headline.size()); ++draw)
    differences.push_back(sign * mean_difference(best.headline[draw], entry.headline[draw]));
  const PercentileInterval interval = interval_of(differences);
  own.worse_low = interval.low;
  own.worse_high = interval.high;
}

}  // namespace

void compare_with_best(std::vector<Entry>& entries) {
  for (Entry& entry : entries) {
    const Entry* best = best_entry(entries, entry);
    if (best != nullptr && best != &entry && !std::isnan(entry.estimates.front().value))
      set_worse(entry, *best);
  }
  for (Entry& entry : entries) entry.headline = {};
}

}  // namespace lensbench::grading
