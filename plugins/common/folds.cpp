#include "common/folds.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace lensbench {
namespace {

/// Rows of each class, of a group or of a part.
using Counts = std::vector<double>;

/// How uneven the parts are if a group joins one of them: the sum of the squared shares.
double unevenness(const std::vector<Counts>& parts, const Counts& totals, std::size_t joined,
                  const Counts& group) {
  double sum = 0;
  for (std::size_t p = 0; p < parts.size(); ++p)
    for (std::size_t c = 0; c < totals.size(); ++c) {
      const double count = parts[p][c] + (p == joined ? group[c] : 0.0);
      sum += totals[c] == 0 ? 0 : count * count / (totals[c] * totals[c]);
    }
  return sum;
}

double size_of(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

std::size_t best_part(const std::vector<Counts>& parts, const Counts& totals, const Counts& group) {
  std::size_t best = 0;
  double least = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const double found = unevenness(parts, totals, p, group);
    const bool even = p > 0 && std::abs(found - least) <= 1e-12;
    if (p == 0 || (!even && found < least) || (even && size_of(parts[p]) < size_of(parts[best]))) {
      best = p;
      least = found;
    }
  }
  return best;
}

}  // namespace

std::vector<std::int64_t> shuffled(std::int64_t count, Philox& random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i))]);
  return order;
}

std::vector<std::int64_t> deal(const std::vector<std::int64_t>& labels,
                               const std::vector<std::int64_t>& groups, std::int64_t classes,
                               std::int64_t parts, Philox& random) {
  std::map<std::int64_t, Counts> counts;
  Counts totals(static_cast<std::size_t>(classes), 0.0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(labels[i]);
    Counts& own =
        counts.try_emplace(groups[i], static_cast<std::size_t>(classes), 0.0).first->second;
    own[label] += 1;
    totals[label] += 1;
  }
  std::vector<std::int64_t> names;
  names.reserve(counts.size());
  for (const auto& [name, count] : counts) names.push_back(name);
  std::vector<std::int64_t> order = at_rows(names, shuffled(std::ssize(names), random));
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return size_of(counts.at(a)) > size_of(counts.at(b));
  });

  std::vector<Counts> filled(static_cast<std::size_t>(parts),
                             Counts(static_cast<std::size_t>(classes), 0.0));
  std::map<std::int64_t, std::int64_t> part_of;
  for (const std::int64_t group : order) {
    const Counts& own = counts.at(group);
    const std::size_t part = best_part(filled, totals, own);
    for (std::size_t c = 0; c < own.size(); ++c) filled[part][c] += own[c];
    part_of[group] = static_cast<std::int64_t>(part);
  }
  std::vector<std::int64_t> result;
  result.reserve(groups.size());
  for (const std::int64_t group : groups) result.push_back(part_of.at(group));
  return result;
}

std::int64_t divided_groups(const std::vector<std::int64_t>& parts,
                            const std::vector<std::int64_t>& groups) {
  std::map<std::int64_t, std::set<std::int64_t>> found;
  for (std::size_t i = 0; i < parts.size(); ++i) found[groups[i]].insert(parts[i]);
  return std::count_if(found.begin(), found.end(),
                       [](const auto& entry) { return entry.second.size() > 1; });
}

bool has_all_classes(const std::vector<std::int64_t>& labels, std::int64_t classes) {
  return std::ssize(std::set<std::int64_t>(labels.begin(), labels.end())) == classes;
}

std::vector<std::int64_t> at_rows(const std::vector<std::int64_t>& values,
                                  const std::vector<std::int64_t>& rows) {
  std::vector<std::int64_t> result;
  result.reserve(rows.size());
  for (const std::int64_t row : rows) result.push_back(values[static_cast<std::size_t>(row)]);
  return result;
}

std::vector<std::int64_t> rows_in(const std::vector<std::int64_t>& parts, std::int64_t part) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i] == part) rows.push_back(static_cast<std::int64_t>(i));
  return rows;
}

std::vector<std::int64_t> rows_outside(const std::vector<std::int64_t>& parts, std::int64_t part) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i] != part) rows.push_back(static_cast<std::int64_t>(i));
  return rows;
}

}  // namespace lensbench
