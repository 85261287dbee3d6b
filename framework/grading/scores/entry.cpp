#include "grading/scores/entry.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <limits>

#include "grading/scores/circuit_metrics.hpp"
#include "grading/scores/matching.hpp"
#include "grading/scores/metric_names.hpp"
#include "grading/scores/ranking.hpp"
#include "grading/scores/untrained_dictionaries.hpp"
#include "grading/truth/component_name.hpp"

namespace lensbench::grading {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kRandomStream = 1903, kPermutationStream = 1904, kTokenStream = 1905;

/// A copy of the table with other claims about the same truth.
ItemTable with_claimed(const ItemTable& table, Table claimed) {
  ItemTable other = table;
  other.claimed = std::move(claimed);
  return other;
}

/// [metric][value] of several tasks or draws.
using Columns = std::vector<std::vector<double>>;

void append(Columns& columns, const std::vector<double>& values) {
  columns.resize(values.size());
  for (std::size_t m = 0; m < values.size(); ++m) columns[m].push_back(values[m]);
}

std::vector<double> means_of(const Columns& columns, std::size_t n) {
  std::vector<double> means(n, kNaN);
  for (std::size_t m = 0; m < columns.size(); ++m) means[m] = statistics::mean(columns[m]);
  return means;
}

/// Means over the tasks of an entry of the metrics of all prompts.
template <class TableOf>
std::vector<double> over_tasks(const Entry& entry, std::size_t n_metrics, TableOf table_of) {
  Columns columns;
  for (const GradedTask& task : entry.tasks)
    if (const ItemTable* table = table_of(task)) append(columns, metrics_of(*table));
  return means_of(columns, n_metrics);
}

/// Means of one draw over the tasks that the entry has.
/// \param headline  takes the first metric of each part, NaN without one; may be null
template <class TableOf>
std::vector<double> of_draw(const Entry& entry,
                            const std::vector<std::optional<std::size_t>>& place, const Draw& draw,
                            std::size_t n_metrics, TableOf table_of,
                            std::vector<double>* headline = nullptr) {
  Columns columns;
  for (const Draw::Part& part : draw.parts) {
    if (headline != nullptr) headline->push_back(kNaN);
    if (part.task >= place.size() || !place[part.task]) continue;
    const ItemTable* table = table_of(entry.tasks[*place[part.task]], *place[part.task]);
    if (table == nullptr) continue;
    append(columns, metrics_of(*table, part.prompts));
    if (headline != nullptr) headline->back() = columns.front().back();
  }
  return means_of(columns, n_metrics);
}

/// The tables of the tasks with the mean over all prompts for each prompt's value: random scores
/// have one value for all prompts.
std::vector<ItemTable> tables_of_means(const Entry& entry) {
  std::vector<ItemTable> tables;
  tables.reserve(entry.tasks.size());
  for (const GradedTask& task : entry.tasks) {
    ItemTable table = task.planted;
    const auto prompts = all_of(table.prompts());
    for (Table* values : {&table.truth, &table.total, &table.direct}) {
      const auto means = means_over(*values, prompts);
      values->clear();
      for (const double mean : means) values->push_back({mean});
    }
    const auto claimed = means_over(table.claimed, prompts);
    table.claimed.assign(table.items.size(), {kNaN});
    if (!table.corrupted.empty()) {
      table.corrupted = means_over({table.corrupted}, prompts);
      for (std::size_t i = circuit_places(table).random; i < claimed.size(); ++i)
        table.claimed[i] = {claimed[i]};
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

/// Takes the circuits of one of the random orders that were run, if some were.
void choose_circuits(ItemTable& table, Philox& random) {
  const CircuitPlaces places = circuit_places(table);
  if (places.random == table.items.size()) return;
  constexpr std::size_t kSizes = std::size(kCircuitShares);
  const std::size_t order = random.below(kRandomOrders);
  for (std::size_t i = 0; i < kCircuits; ++i)
    table.claimed[places.chosen + i] = table.claimed[places.random + order * kSizes + i % kSizes];
}

/// One set of random scores a draw. \param tables  of which the claims are replaced
std::vector<double> random_metrics(std::vector<ItemTable>& tables, std::size_t n_metrics,
                                   Philox& random) {
  Columns columns;
  for (ItemTable& table : tables) {
    for (std::size_t i = 0; i < table.items.size(); ++i)
      if (table.is_ranked(i) || table.kind != TableKind::edges)
        table.claimed[i].front() = random.normal();
    if (table.kind == TableKind::edges) choose_circuits(table, random);
    append(columns, metrics_of(table));
  }
  return means_of(columns, n_metrics);
}

bool depends_on_scale(const std::string& metric) {
  for (const char* name :
       {"error", "largest", "coverage", "present", "absent", "selectivity", "fvu"})
    if (metric == name) return true;
  return false;
}

/// As many random directions as were matched, in the span of the planted ones.
std::vector<double> random_matches(std::vector<ItemTable>& tables, std::size_t n_metrics,
                                   Philox& random) {
  Columns columns;
  for (ItemTable& table : tables) {
    if (table.directions.empty()) continue;
    Table found(table.candidates, std::vector<double>(table.directions.front().size()));
    for (auto& direction : found)
      for (double& number : direction) number = random.normal();
    table.claimed.clear();
    for (const double cosine : matched_cosines(table.directions, found))
      table.claimed.push_back({cosine});
    table.claimed.resize(table.items.size(), {kNaN});
    append(columns, metrics_of(table, {0}));
  }
  return means_of(columns, n_metrics);
}

/// What dictionaries that were not trained reach in the same tasks.
void add_untrained(Entry& entry, const std::vector<ItemTable>& tables, std::size_t draws,
                   std::uint64_t seed) {
  Philox random(seed, kTokenStream);
  std::vector<double> components, tokens;
  for (const ItemTable& table : tables) {
    components.push_back(matched_components(table));
    tokens.push_back(matched_tokens(table, draws, random));
  }
  // The first metric is their mean cosine.
  entry.estimates.front().components = statistics::mean(components);
  entry.estimates.front().tokens = statistics::mean(tokens);
}

/// Metrics of one table of random scores a task, where random scores can be compared.
using RandomMetrics = std::vector<double> (*)(std::vector<ItemTable>&, std::size_t, Philox&);
RandomMetrics random_metrics_of(TableKind kind) {
  switch (kind) {
    case TableKind::effects:
    case TableKind::edges:
    case TableKind::stream:
    case TableKind::presence:
      return random_metrics;
    case TableKind::features:
      return random_matches;
    default:
      return nullptr;
  }
}

void add_random(Entry& entry, std::size_t n, std::uint64_t seed) {
  // Random numbers have no scale, so only what is ranked or matched is compared with them.
  const RandomMetrics metrics = random_metrics_of(entry.kind);
  if (metrics == nullptr) return;
  // A match costs as much as a thousand rankings, and its band is narrow.
  constexpr std::size_t kMatches = 100;
  if (entry.kind == TableKind::features) n = std::min(n, kMatches);
  Philox random(seed, kRandomStream);
  std::vector<ItemTable> tables = tables_of_means(entry);
  Columns columns;
  for (std::size_t i = 0; i < n; ++i)
    append(columns, metrics(tables, entry.estimates.size(), random));
  for (std::size_t m = 0; m < columns.size(); ++m) {
    Estimate& estimate = entry.estimates[m];
    if (depends_on_scale(estimate.name)) continue;
    const auto band = interval_of(columns[m]);
    estimate.random = statistics::quantile(columns[m], 0.5);
    estimate.random_low = band.low;
    estimate.random_high = band.high;
  }
  if (entry.kind == TableKind::features && n > 0) add_untrained(entry, tables, n, seed);
}

/// Memberships exchanged among components of one kind.
std::vector<Membership> permuted_membership(const ItemTable& table, Philox& random) {
  std::map<int, std::vector<std::size_t>> kinds;
  for (std::size_t i = 0; i < table.items.size(); ++i)
    if (const auto place = parse_component(table.items[i]))
      kinds[static_cast<int>(place->kind)].push_back(i);
  std::vector<Membership> membership = table.membership;
  for (const auto& [kind, items] : kinds)
    for (std::size_t i = items.size(); i-- > 1;)
      std::swap(membership[items[i]], membership[items[random.below(i + 1)]]);
  return membership;
}

void add_permuted_members(Entry& entry, std::size_t n, std::uint64_t seed) {
  Philox random(seed, kPermutationStream);
  Columns columns;
  for (const GradedTask& task : entry.tasks) {
    // Only the two metrics of membership depend on it.
    const auto claimed = means_over(task.planted.claimed, all_of(task.planted.prompts()));
    for (std::size_t i = 0; i < n; ++i) {
      const auto membership = permuted_membership(task.planted, random);
      std::vector<double> scores;
      std::vector<bool> member;
      for (std::size_t k = 0; k < membership.size(); ++k) {
        if (membership[k] == Membership::ignored || !task.planted.is_ranked(k)) continue;
        scores.push_back(std::abs(claimed[k]));
        member.push_back(membership[k] == Membership::member);
      }
      append(columns, {auroc(scores, member), average_precision(scores, member)});
    }
  }
  for (std::size_t m = 0; m < columns.size(); ++m)
    entry.estimates[m].permuted = statistics::mean(columns[m]);
}

/// Of a tool that is trained: what it claims of permuted labels or tokens.
void add_permuted_claims(Entry& entry) {
  Columns columns;
  for (const GradedTask& task : entry.tasks)
    if (task.permuted) append(columns, metrics_of(with_claimed(task.planted, *task.permuted)));
  const auto values = means_of(columns, entry.estimates.size());
  for (std::size_t m = 0; m < values.size(); ++m) entry.estimates[m].permuted = values[m];
}

/// Tables of what was claimed on the shuffled models, in the order of the tasks.
std::vector<std::optional<ItemTable>> shuffled_tables(const Entry& entry) {
  std::vector<std::optional<ItemTable>> tables;
  tables.reserve(entry.tasks.size());
  for (const GradedTask& task : entry.tasks)
    tables.push_back(task.shuffled ? std::optional(with_claimed(task.planted, *task.shuffled))
                                   : std::nullopt);
  return tables;
}

Estimate without_value(const std::string& name) {
  return {name, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN};
}

/// Adds a number that has neither an interval nor controls.
void add_single(Entry& entry, const std::string& name, double value) {
  if (std::isnan(value)) return;
  entry.estimates.push_back(without_value(name));
  entry.estimates.back().value = value;
}

}  // namespace

void estimate(Entry& entry, const std::vector<Draw>& draws, const ControlCounts& counts,
              const Controls& controls, std::uint64_t seed) {
  const auto names = metric_names(entry.kind, entry.has_unit);
  entry.estimates.clear();
  entry.headline.clear();
  for (const std::string& name : names) entry.estimates.push_back(without_value(name));
  std::vector<std::optional<std::size_t>> place;
  for (std::size_t i = 0; i < entry.tasks.size(); ++i) {
    place.resize(std::max(place.size(), entry.tasks[i].task + 1));
    place[entry.tasks[i].task] = i;
  }
  const auto shuffled = shuffled_tables(entry);
  const auto planted_table = [](const GradedTask& task, std::size_t = 0) { return &task.planted; };
  const auto shuffled_table = [&](const GradedTask&, std::size_t i) {
    return shuffled[i] ? &*shuffled[i] : nullptr;
  };
  Columns planted_draws, shuffled_draws, differences;
  for (const Draw& draw : draws) {
    entry.headline.emplace_back();
    const auto planted =
        of_draw(entry, place, draw, names.size(), planted_table, &entry.headline.back());
    append(planted_draws, planted);
    if (!controls.shuffled) continue;
    auto difference = of_draw(entry, place, draw, names.size(), shuffled_table);
    append(shuffled_draws, difference);
    for (std::size_t m = 0; m < names.size(); ++m) difference[m] = planted[m] - difference[m];
    append(differences, difference);
  }
  const auto values = over_tasks(entry, names.size(), planted_table);
  std::size_t next = 0;
  const auto of_shuffled = over_tasks(
      entry, names.size(), [&](const GradedTask& task) { return shuffled_table(task, next++); });
  for (std::size_t m = 0; m < names.size(); ++m) {
    Estimate& result = entry.estimates[m];
    result.value = values[m];
    if (!planted_draws.empty()) {
      const auto interval = interval_of(planted_draws[m]);
      result.low = interval.low;
      result.high = interval.high;
    }
    if (!controls.shuffled) continue;
    result.shuffled = of_shuffled[m];
    result.difference = result.value - result.shuffled;
    if (differences.empty()) continue;
    const auto interval = interval_of(differences[m]), of_draws = interval_of(shuffled_draws[m]);
    result.difference_low = interval.low;
    result.difference_high = interval.high;
    result.shuffled_low = of_draws.low;
    result.shuffled_high = of_draws.high;
  }
  if (controls.random) add_random(entry, counts.random, seed);
  if (controls.permuted && entry.kind == TableKind::effects)
    add_permuted_members(entry, counts.permutations, seed);
  else if (controls.permuted)
    add_permuted_claims(entry);
  add_single(entry, "null", entry.null_largest);
  add_single(entry, "gauge", entry.gauge_change);
}

const Estimate* find_estimate(const Entry& entry, const std::string& metric) {
  for (const Estimate& estimate : entry.estimates)
    if (estimate.name == metric) return &estimate;
  return nullptr;
}

}  // namespace lensbench::grading
