#include "grading/scores/item_table.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/statistics.hpp>
#include <limits>
#include <numeric>

#include "grading/scores/circuit_metrics.hpp"
#include "grading/scores/ranking.hpp"

// The metrics of docs/grading.md. Each is computed from the drawn prompts alone, so that the
// bootstrap repeats the whole computation.

namespace lensbench::grading {
namespace {

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
/// Shares of the gap: an effect below the first counts as 0 in rank correlations, one above the
/// second has a sign, and marks a place of the stream.
constexpr double kNoEffect = 0.02, kClearEffect = 0.1;

std::vector<double> or_zero(std::vector<double> values) {
  for (double& value : values)
    if (std::isnan(value)) value = 0;
  return values;
}

std::vector<double> sizes(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  return values;
}

using Prompts = std::vector<std::size_t>;

/// Sum over items and drawn prompts of a function of claimed and true value.
template <class F>
double sum_over(const ItemTable& table, const Prompts& prompts, F f) {
  double sum = 0;
  for (std::size_t i = 0; i < table.items.size(); ++i)
    for (const std::size_t p : prompts) sum += f(table.claimed[i][p], table.truth[i][p]);
  return sum;
}

double total_size(const ItemTable& table, const Prompts& prompts) {
  return sum_over(table, prompts, [](double, double t) { return std::abs(t); });
}

/// An item that was not answered counts as 0.
double relative_error(const ItemTable& table, const Prompts& prompts) {
  const double size = total_size(table, prompts);
  const double error = sum_over(
      table, prompts, [](double s, double t) { return std::abs((std::isnan(s) ? 0 : s) - t); });
  return size > 0 ? error / size : kNoValue;
}

double coverage(const ItemTable& table, const Prompts& prompts) {
  const double size = total_size(table, prompts);
  const double answered =
      sum_over(table, prompts, [](double s, double t) { return std::isnan(s) ? 0 : std::abs(t); });
  return size > 0 ? answered / size : kNoValue;
}

/// Share of answered values, for tables whose truth may be 0 everywhere.
double answered_share(const ItemTable& table, const Prompts& prompts) {
  const double n = static_cast<double>(table.items.size() * prompts.size());
  return n > 0
             ? sum_over(table, prompts, [](double s, double) { return std::isnan(s) ? 0 : 1; }) / n
             : kNoValue;
}

double largest_difference(const ItemTable& table, const Prompts& prompts) {
  double largest = kNoValue;
  for (std::size_t i = 0; i < table.items.size(); ++i)
    for (const std::size_t p : prompts) {
      const double difference = std::abs(table.claimed[i][p] - table.truth[i][p]);
      if (!std::isnan(difference) && !(largest >= difference)) largest = difference;
    }
  return largest;
}

/// True effects that are rounding, or a leak, are equal in rank; an item that was not answered is
/// last.
double rank_correlation(std::vector<double> claimed, std::vector<double> truth, double gap) {
  double least = 0;
  for (const double value : claimed)
    if (!std::isnan(value)) least = std::min(least, value);
  for (double& value : claimed)
    if (std::isnan(value)) value = least - 1;
  for (double& value : truth)
    if (std::abs(value) < kNoEffect * std::abs(gap)) value = 0;
  return statistics::spearman(claimed, truth);
}

/// Values of the items that are not sums of others.
std::vector<double> single(const ItemTable& table, const std::vector<double>& values) {
  std::vector<double> result;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (table.is_ranked(i)) result.push_back(values[i]);
  return result;
}

double correlation_with(const ItemTable& table, const std::vector<double>& claimed,
                        const Table& other, const Prompts& prompts) {
  return other.empty() ? kNoValue
                       : statistics::pearson(or_zero(single(table, claimed)),
                                             single(table, means_over(other, prompts)));
}

/// Items that are neither members nor not are left out, and sums of others.
struct Ranked {
  std::vector<double> scores;
  std::vector<bool> member;
};
Ranked ranked(const ItemTable& table, const std::vector<double>& claimed) {
  Ranked result;
  for (std::size_t i = 0; i < table.membership.size(); ++i) {
    if (table.membership[i] == Membership::ignored || !table.is_ranked(i)) continue;
    result.scores.push_back(std::abs(claimed[i]));
    result.member.push_back(table.membership[i] == Membership::member);
  }
  return result;
}

/// Share of clear members whose sign is that of the truth.
double right_signs(const ItemTable& table, const std::vector<double>& claimed,
                   const std::vector<double>& truth) {
  double right = 0, all = 0;
  for (std::size_t i = 0; i < table.membership.size(); ++i) {
    if (table.membership[i] != Membership::member || !table.is_ranked(i) ||
        std::abs(truth[i]) < kClearEffect * std::abs(table.gap))
      continue;
    all += 1;
    if (claimed[i] * truth[i] > 0) right += 1;
  }
  return all > 0 ? right / all : kNoValue;
}

std::vector<double> of_effects(const ItemTable& table, const Prompts& prompts) {
  const auto claimed = means_over(table.claimed, prompts);
  const auto truth = means_over(table.truth, prompts);
  const Ranked by_size = ranked(table, claimed);
  std::vector<double> values = {
      auroc(by_size.scores, by_size.member),
      average_precision(by_size.scores, by_size.member),
      correlation_with(table, claimed, table.truth, prompts),
      rank_correlation(single(table, claimed), single(table, truth), table.gap),
      correlation_with(table, claimed, table.total, prompts),
      correlation_with(table, claimed, table.direct, prompts),
      right_signs(table, claimed, truth),
      coverage(table, prompts)};
  if (table.has_unit) {
    values.push_back(relative_error(table, prompts));
    values.push_back(largest_difference(table, prompts));
  }
  return values;
}

/// A copy of the table with one mean for each item, for a truth that is a mean.
ItemTable of_means(const ItemTable& table, const std::vector<double>& claimed,
                   const std::vector<double>& truth) {
  ItemTable means = table;
  means.claimed.clear();
  means.truth.clear();
  means.items.resize(truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) {
    means.claimed.push_back({claimed[i]});
    means.truth.push_back({truth[i]});
  }
  return means;
}

std::vector<double> of_edges(const ItemTable& table, const Prompts& prompts) {
  const auto all_claimed = means_over(table.claimed, prompts);
  const Ranked by_size = ranked(table, all_claimed);
  const auto claimed = single(table, all_claimed);
  const auto truth = single(table, means_over(table.truth, prompts));
  const ItemTable means = of_means(table, claimed, truth);
  std::vector<double> values = {auroc(by_size.scores, by_size.member),
                                average_precision(by_size.scores, by_size.member),
                                statistics::pearson(or_zero(claimed), truth),
                                right_signs(table, claimed, truth), coverage(means, {0})};
  const auto circuits = circuit_metrics(table, prompts);
  values.insert(values.end(), circuits.begin(), circuits.end());
  if (table.has_unit) {
    values.push_back(relative_error(means, {0}));
    values.push_back(largest_difference(means, {0}));
  }
  return values;
}

/// Layer and position of `stream_item`.
std::int64_t layer_of(const std::string& item) {
  return std::stoll(item);
}

std::vector<double> of_stream(const ItemTable& table, const Prompts& prompts) {
  const auto claimed = means_over(table.claimed, prompts);
  const auto truth = means_over(table.truth, prompts);
  double all = 0;
  std::size_t true_cells = 0;
  for (const double value : truth) {
    all += std::abs(value);
    if (std::abs(value) >= kClearEffect * std::abs(table.gap)) ++true_cells;
  }
  const auto ranks = ranks_from_largest(sizes(claimed));
  double found = 0, best = kNoValue, distance = kNoValue;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (ranks[i] <= static_cast<double>(true_cells)) found += std::abs(truth[i]);
    if (!std::isnan(claimed[i]) && (std::isnan(best) || std::abs(claimed[i]) > best)) {
      best = std::abs(claimed[i]);
      distance = kNoValue;
      for (std::size_t k = 0; k < truth.size(); ++k)
        if (std::abs(truth[k]) >= kClearEffect * std::abs(table.gap)) {
          const double apart =
              std::abs(static_cast<double>(layer_of(table.items[i]) - layer_of(table.items[k])));
          if (!(distance <= apart)) distance = apart;
        }
    }
  }
  const ItemTable means = of_means(table, claimed, truth);
  return {all > 0 ? found / all : kNoValue,
          distance,
          statistics::pearson(or_zero(claimed), truth),
          coverage(means, {0}),
          relative_error(means, {0}),
          largest_difference(means, {0})};
}

/// Mean over answered prompts of a function of claimed and true value.
template <class F>
double mean_of(const ItemTable& table, const Prompts& prompts, F f) {
  double n = 0;
  const double sum = sum_over(table, prompts, [&](double s, double t) {
    const double value = f(s, t);
    if (std::isnan(value)) return 0.0;
    n += 1;
    return value;
  });
  return n > 0 ? sum / n : kNoValue;
}

std::vector<double> of_layer(const ItemTable& table, const Prompts& prompts) {
  const double answer = table.answer_layer ? static_cast<double>(*table.answer_layer) : kNoValue;
  return {mean_of(table, prompts, [](double s, double t) { return std::abs(s - t); }),
          mean_of(table, prompts, [&](double s, double) { return s - answer; }),
          mean_of(table, prompts,
                  [&](double s, double) {
                    return std::isnan(s) || std::isnan(answer) ? kNoValue
                                                               : (s < answer ? 1.0 : 0.0);
                  }),
          answered_share(table, prompts)};
}

/// Share of answered prompts with a rank that no order of tied tokens gives.
double wrong_ranks(const ItemTable& table, const Prompts& prompts) {
  double wrong = 0, answered = 0;
  for (std::size_t i = 0; i < table.items.size(); ++i)
    for (const std::size_t p : prompts) {
      const double claimed = table.claimed[i][p];
      if (std::isnan(claimed)) continue;
      const double ties = table.rank_ties.empty() ? 0 : table.rank_ties[i][p];
      answered += 1;
      if (std::abs(claimed - table.truth[i][p]) > ties) wrong += 1;
    }
  return answered > 0 ? wrong / answered : kNoValue;
}

/// Heads that attend without effect have a metric of their own.
std::vector<double> of_attention(const ItemTable& table, const Prompts& prompts) {
  double mass[2] = {0, 0}, n[2] = {0, 0};
  for (std::size_t i = 0; i < table.items.size(); ++i)
    for (const std::size_t p : prompts) {
      const std::size_t idle = table.membership[i] == Membership::member ? 0 : 1;
      if (std::isnan(table.claimed[i][p])) continue;
      mass[idle] += table.claimed[i][p];
      n[idle] += 1;
    }
  return {n[0] > 0 ? mass[0] / n[0] : kNoValue, n[1] > 0 ? mass[1] / n[1] : kNoValue,
          answered_share(table, prompts), largest_difference(table, prompts)};
}

/// What a dictionary leaves of the variance of the tokens; NaN if it is not known.
double unexplained_variance(const ItemTable& table, const Prompts& prompts) {
  double left = 0, all = 0;
  for (std::size_t i = 0; i < table.items.size(); ++i)
    if (!table.is_ranked(i))
      for (const std::size_t p : prompts)
        if (!std::isnan(table.claimed[i][p])) {
          left += table.claimed[i][p];
          all += table.truth[i][p];
        }
  return all > 0 ? left / all : kNoValue;
}

/// Share of features and prompts that were answered.
double answered_features(const ItemTable& table, const Prompts& prompts) {
  std::vector<double> answered;
  for (std::size_t i = 0; i < table.items.size(); ++i)
    if (table.is_ranked(i))
      for (const std::size_t p : prompts)
        answered.push_back(std::isnan(table.claimed[i][p]) ? 0 : 1);
  return statistics::mean(answered);
}

/// Mean over the planted features of how well each was found, and the share that was found well.
std::vector<double> of_matches(const ItemTable& table, const Prompts& prompts) {
  constexpr double kFound = 0.9;
  const auto matched = or_zero(single(table, means_over(table.claimed, prompts)));
  const auto found =
      std::count_if(matched.begin(), matched.end(), [](double value) { return value > kFound; });
  return {
      statistics::mean(matched),
      matched.empty() ? kNoValue : static_cast<double>(found) / static_cast<double>(matched.size()),
      answered_features(table, prompts), unexplained_variance(table, prompts)};
}

/// Layers that have a variable against layers that do not. The sums of the table are selectivities.
std::vector<double> of_presence(const ItemTable& table, const Prompts& prompts) {
  const auto claimed = means_over(table.claimed, prompts);
  std::vector<double> scores, answered, present, absent, selectivity;
  std::vector<bool> member;
  for (std::size_t i = 0; i < claimed.size(); ++i) {
    const bool there = table.membership[i] == Membership::member;
    if (!table.is_ranked(i)) {
      if (there) selectivity.push_back(claimed[i]);
      continue;
    }
    scores.push_back(claimed[i]);
    member.push_back(there);
    answered.push_back(std::isnan(claimed[i]) ? 0 : 1);
    (there ? present : absent).push_back(claimed[i]);
  }
  return {auroc(scores, member), statistics::mean(present), statistics::mean(absent),
          statistics::mean(selectivity), statistics::mean(answered)};
}

}  // namespace

std::vector<double> metrics_of(const ItemTable& table, const std::vector<std::size_t>& prompts) {
  switch (table.kind) {
    case TableKind::effects:
      return of_effects(table, prompts);
    case TableKind::edges:
      return of_edges(table, prompts);
    case TableKind::stream:
      return of_stream(table, prompts);
    case TableKind::probability:
      return {largest_difference(table, prompts), answered_share(table, prompts)};
    case TableKind::rank:
      return {wrong_ranks(table, prompts), answered_share(table, prompts)};
    case TableKind::layer:
      return of_layer(table, prompts);
    case TableKind::distribution:
      return {largest_difference(table, prompts), relative_error(table, prompts),
              answered_share(table, prompts)};
    case TableKind::features:
      return of_matches(table, prompts);
    case TableKind::presence:
      return of_presence(table, prompts);
    case TableKind::attention:
      break;
  }
  return of_attention(table, prompts);
}

std::vector<double> metrics_of(const ItemTable& table) {
  return metrics_of(table, all_of(table.prompts()));
}

std::vector<double> means_over(const Table& table, const std::vector<std::size_t>& prompts) {
  std::vector<double> means;
  means.reserve(table.size());
  for (const auto& row : table) {
    double sum = 0, n = 0;
    for (const std::size_t p : prompts)
      if (!std::isnan(row[p])) {
        sum += row[p];
        n += 1;
      }
    means.push_back(n > 0 ? sum / n : kNoValue);
  }
  return means;
}

std::vector<std::size_t> all_of(std::size_t n) {
  std::vector<std::size_t> indices(n);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

}  // namespace lensbench::grading
