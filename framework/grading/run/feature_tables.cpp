#include "grading/run/feature_tables.hpp"

#include <algorithm>
#include <charconv>
#include <lensbench/statistics.hpp>
#include <limits>
#include <string>

#include "grading/scores/matching.hpp"

namespace lensbench::grading {
namespace {

/// Feature and place of a `feature_item`.
std::pair<std::size_t, std::size_t> numbers_in(const std::string& item) {
  std::size_t feature = 0, place = 0;
  const char* end = item.data() + item.size();
  const auto comma = std::from_chars(item.data(), end, feature);
  std::from_chars(comma.ptr + 1, end, place);
  return {feature, place};
}

std::size_t features_in(const std::vector<ItemValues>& claimed) {
  std::size_t n = 0;
  for (const ItemValues& values : claimed)
    for (const auto& [item, value] : values) n = std::max(n, numbers_in(item).first + 1);
  return n;
}

/// Puts the numbers of a prompt into the rows of their features, from a place on.
void put_rows(Table& rows, const ItemValues& values, std::size_t first) {
  for (const auto& [item, value] : values) {
    const auto [feature, place] = numbers_in(item);
    if (first + place < rows[feature].size()) rows[feature][first + place] = value;
  }
}

void set_directions(ItemTable& table, const FeatureTruth& features,
                    const std::vector<ItemValues>& claimed) {
  const std::size_t width = features.direction.front().size();
  for (std::size_t p = 0; p < claimed.size(); ++p) {
    if (claimed[p].empty()) continue;
    Table found(table.candidates, std::vector<double>(width, 0.0));
    put_rows(found, claimed[p], 0);
    const auto cosines = matched_cosines(features.direction, found);
    for (std::size_t f = 0; f < cosines.size(); ++f) table.claimed[f][p] = cosines[f];
  }
}

/// Planted activations at the tokens of the answered prompts.
Table planted_activations(const FeatureTruth& features, const Task& task,
                          const std::vector<ItemValues>& claimed) {
  Table planted(features.direction.size());
  for (std::size_t p = 0; p < claimed.size(); ++p) {
    if (claimed[p].empty()) continue;
    for (const std::int64_t id : task.prompts[p].ids) {
      for (auto& row : planted) row.push_back(0);
      for (const auto& [feature, value] : features.token_activation[static_cast<std::size_t>(id)])
        planted[static_cast<std::size_t>(feature)].back() = value;
    }
  }
  return planted;
}

void set_activations(ItemTable& table, const FeatureTruth& features, const Task& task,
                     const std::vector<ItemValues>& claimed) {
  const Table planted = planted_activations(features, task, claimed);
  Table found(table.candidates, std::vector<double>(planted.front().size(), 0.0));
  std::size_t first = 0;
  for (std::size_t p = 0; p < claimed.size(); ++p) {
    if (claimed[p].empty()) continue;
    put_rows(found, claimed[p], first);
    first += task.prompts[p].ids.size();
  }
  Table correlations;
  correlations.reserve(planted.size());
  for (const auto& row : planted) {
    correlations.emplace_back();
    for (const auto& other : found) correlations.back().push_back(statistics::pearson(row, other));
  }
  const auto matched = matched_values(correlations);
  for (std::size_t f = 0; f < matched.size(); ++f)
    for (std::size_t p = 0; p < claimed.size(); ++p)
      if (!claimed[p].empty()) table.claimed[f][p] = matched[f];
}

}  // namespace

std::optional<ItemTable> feature_table(const Truth& truth, const Task& task,
                                       const ClaimInfo& claim) {
  if (!truth.features || truth.features->direction.empty()) return std::nullopt;
  if (claim.family == ClaimFamily::activation && truth.features->token_activation.empty())
    return std::nullopt;
  ItemTable table;
  table.kind = TableKind::features;
  for (std::size_t f = 0; f < truth.features->direction.size(); ++f) {
    table.items.push_back("feature " + std::to_string(f));
    table.truth.emplace_back(task.prompts.size(), 1.0);
  }
  if (claim.family == ClaimFamily::direction)
    table.directions = in_their_span(truth.features->direction);
  return table;
}

void set_matched(ItemTable& table, const Truth& truth, const Task& task, const ClaimInfo& claim,
                 const std::vector<ItemValues>& claimed) {
  constexpr double kNotAnswered = std::numeric_limits<double>::quiet_NaN();
  table.claimed.assign(table.items.size(), std::vector<double>(claimed.size(), kNotAnswered));
  table.candidates = features_in(claimed);
  if (table.candidates == 0) return;
  if (claim.family == ClaimFamily::direction)
    set_directions(table, *truth.features, claimed);
  else
    set_activations(table, *truth.features, task, claimed);
}

}  // namespace lensbench::grading
