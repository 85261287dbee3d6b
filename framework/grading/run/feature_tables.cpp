#include "grading/run/feature_tables.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <string>
#include <utility>

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

constexpr const char* kFeature = "feature ";

/// Number of a planted feature, by the name of its item.
std::size_t feature_of(const std::string& item) {
  std::size_t feature = 0;
  std::from_chars(item.data() + std::strlen(kFeature), item.data() + item.size(), feature);
  return feature;
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

using Prompts = std::vector<std::size_t>;

/// Planted activations at the tokens of some prompts.
Table planted_activations(const FeatureTruth& features, const Task& task, const Prompts& prompts) {
  Table planted(features.direction.size());
  for (const std::size_t p : prompts)
    for (const std::int64_t id : task.prompts[p].ids) {
      for (auto& row : planted) row.push_back(0);
      for (const auto& [feature, value] : features.token_activation[static_cast<std::size_t>(id)])
        planted[static_cast<std::size_t>(feature)].back() = value;
    }
  return planted;
}

/// Features whose planted activation is not the same at all tokens of a task: of others no
/// correlation is defined, whatever was found.
std::vector<std::size_t> features_that_vary(const FeatureTruth& features, const Task& task) {
  const Table planted = planted_activations(features, task, all_of(task.prompts.size()));
  std::vector<std::size_t> varying;
  for (std::size_t f = 0; f < planted.size(); ++f)
    if (std::any_of(planted[f].begin(), planted[f].end(),
                    [&](double value) { return value != planted[f].front(); }))
      varying.push_back(f);
  return varying;
}

void set_activations(ItemTable& table, const FeatureTruth& features, const Task& task,
                     const std::vector<ItemValues>& claimed) {
  Prompts answered;
  for (std::size_t p = 0; p < claimed.size(); ++p)
    if (!claimed[p].empty()) answered.push_back(p);
  const Table planted = planted_activations(features, task, answered);
  Table found(table.candidates, std::vector<double>(planted.front().size(), 0.0));
  std::size_t first = 0;
  for (const std::size_t p : answered) {
    put_rows(found, claimed[p], first);
    first += task.prompts[p].ids.size();
  }
  Table correlations;
  correlations.reserve(table.items.size());
  for (const std::string& item : table.items) {
    const std::size_t feature = feature_of(item);
    correlations.emplace_back();
    for (const auto& other : found)
      correlations.back().push_back(statistics::pearson(planted[feature], other));
  }
  const auto matched = matched_values(correlations);
  for (std::size_t f = 0; f < matched.size(); ++f)
    for (const std::size_t p : answered) table.claimed[f][p] = matched[f];
}

std::vector<std::size_t> graded_features(const FeatureTruth& features, const Task& task,
                                         const ClaimInfo& claim) {
  if (claim.family == ClaimFamily::direction) return all_of(features.direction.size());
  return features.token_activation.empty() ? std::vector<std::size_t>()
                                           : features_that_vary(features, task);
}

using Vector = std::vector<double>;

void add_scaled(Vector& sum, double scale, const Vector& vector) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += scale * vector[i];
}

/// A token as the sum of its planted features, without what all tokens have.
Vector planted_token(const Table& directions,
                     const std::vector<std::pair<std::int64_t, double>>& active) {
  Vector sum(directions.front().size(), 0.0);
  for (const auto& [feature, value] : active)
    add_scaled(sum, value, directions[static_cast<std::size_t>(feature)]);
  return sum;
}

/// Vectors of the tokens of the prompts.
using TokensOfPrompts = std::vector<Table>;

TokensOfPrompts planted_tokens(const FeatureTruth& features, const Task& task) {
  TokensOfPrompts prompts;
  for (const PromptPair& prompt : task.prompts) {
    prompts.emplace_back();
    for (const std::int64_t id : prompt.ids)
      prompts.back().push_back(planted_token(
          features.direction, features.token_activation[static_cast<std::size_t>(id)]));
  }
  return prompts;
}

/// Sums of squared distances from the mean of all prompts, one a prompt; 0 of one without tokens.
Vector spread_of(const TokensOfPrompts& prompts) {
  Vector mean;
  double count = 0;
  for (const Table& tokens : prompts)
    for (const Vector& token : tokens) {
      mean.resize(token.size(), 0.0);
      add_scaled(mean, 1, token);
      count += 1;
    }
  Vector spreads;
  for (const Table& tokens : prompts) {
    double spread = 0;
    for (const Vector& token : tokens)
      for (std::size_t i = 0; i < token.size(); ++i) {
        const double distance = token[i] - mean[i] / count;
        spread += distance * distance;
      }
    spreads.push_back(spread);
  }
  return spreads;
}

/// The features of each token are those of another one that has some (Fisher and Yates).
void permute_tokens(FeatureTruth& features) {
  constexpr std::uint64_t kPermutedTokens = 1908;
  std::vector<std::size_t> tokens;
  for (std::size_t id = 0; id < features.token_activation.size(); ++id)
    if (!features.token_activation[id].empty()) tokens.push_back(id);
  Philox random(0, kPermutedTokens);
  for (std::size_t i = tokens.size(); i-- > 1;)
    std::swap(features.token_activation[tokens[i]],
              features.token_activation[tokens[random.below(i + 1)]]);
}

/// The row of the variance, after those of the features.
void add_unexplained(ItemTable& table, const FeatureTruth& features, const Task& task) {
  table.sums.assign(table.items.size(), false);
  table.items.emplace_back(kUnexplained);
  table.sums.push_back(true);
  table.truth.push_back(spread_of(planted_tokens(features, task)));
}

}  // namespace

std::optional<ItemTable> feature_table(const Truth& truth, const Task& task,
                                       const ClaimInfo& claim) {
  if (!truth.features) return std::nullopt;
  ItemTable table;
  table.kind = TableKind::features;
  for (const std::size_t f : graded_features(*truth.features, task, claim)) {
    table.items.push_back(kFeature + std::to_string(f));
    table.truth.emplace_back(task.prompts.size(), 1.0);
  }
  if (table.items.empty()) return std::nullopt;
  if (claim.family != ClaimFamily::direction) return table;
  table.directions = in_their_span(truth.features->direction);
  if (truth.features->token_activation.empty()) return table;
  for (const auto& active : truth.features->token_activation)
    if (!active.empty()) table.tokens.push_back(planted_token(table.directions, active));
  add_unexplained(table, *truth.features, task);
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

void set_matched_permuted(ItemTable& table, const Truth& truth, const Task& task,
                          const std::vector<ItemValues>& activations) {
  Truth permuted;
  permuted.features = truth.features;
  permute_tokens(*permuted.features);
  set_matched(table, permuted, task, find_claim("feature.activation"), activations);
}

void set_unexplained(ItemTable& table, const Truth& truth, const Task& task,
                     const std::vector<ItemValues>& directions,
                     const std::vector<ItemValues>& activations) {
  if (table.items.empty() || table.items.back() != kUnexplained) return;
  TokensOfPrompts left = planted_tokens(*truth.features, task);
  const std::size_t width = truth.features->direction.front().size();
  for (std::size_t p = 0; p < left.size(); ++p) {
    if (directions[p].empty() || activations[p].empty()) {
      left[p].clear();
      continue;
    }
    Table decoder(std::max(features_in({directions[p]}), features_in({activations[p]})),
                  Vector(width, 0.0));
    put_rows(decoder, directions[p], 0);
    for (const auto& [item, value] : activations[p]) {
      const auto [feature, token] = numbers_in(item);
      add_scaled(left[p].at(token), -value, decoder[feature]);
    }
  }
  const Vector spreads = spread_of(left);
  for (std::size_t p = 0; p < left.size(); ++p)
    if (!left[p].empty()) table.claimed.back()[p] = spreads[p];
}

}  // namespace lensbench::grading
