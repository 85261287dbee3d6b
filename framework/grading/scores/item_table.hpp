#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "grading/claims/claim.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// What kind of numbers a table holds, which decides its metrics.
enum class TableKind {
  effects,
  edges,
  stream,
  probability,
  rank,
  layer,
  distribution,
  attention,
  features,
  presence
};

/// Share of all edges that a circuit has.
struct CircuitShare {
  const char* text;
  double value;
};

/// Sizes of circuits (Mueller et al., "MIB: A Mechanistic Interpretability Benchmark", 2025).
inline constexpr CircuitShare kCircuitShares[] = {
    {"0.001", 0.001}, {"0.002", 0.002}, {"0.005", 0.005}, {"0.01", 0.01}, {"0.02", 0.02},
    {"0.05", 0.05},   {"0.1", 0.1},     {"0.2", 0.2},     {"0.5", 0.5},   {"1", 1}};
/// Rows of circuits at the end of a table of edges: of the best by size, then by value.
inline constexpr std::size_t kCircuits = 2 * std::size(kCircuitShares);
/// Rows after them: of circuits of random edges, in this many orders.
inline constexpr std::size_t kRandomOrders = 8;
inline constexpr const char* kRandomCircuit = "random circuit ";  ///< begin of their names
inline constexpr std::size_t kRandomCircuits = kRandomOrders * std::size(kCircuitShares);
inline constexpr std::size_t kCircuitRows = kCircuits + kRandomCircuits;

/// Item of a table of features that is none: what a dictionary leaves of the squared distances of
/// the tokens of a prompt from their mean, which are its truth.
inline constexpr const char* kUnexplained = "unexplained variance";

/// Claims of a tool about one task of one model, and the truth about the same items. Tables are
/// [item][prompt]; NaN is an item that was not answered.
struct ItemTable {
  TableKind kind = TableKind::effects;
  bool has_unit = true;  ///< false: any scale, so that differences mean nothing
  std::vector<std::string> items;
  /// Whether each item takes part; of heads whose attention is known: whether it matters. Empty
  /// where this is not known.
  std::vector<Membership> membership;
  /// Items that are sums of other items, as the attention of a block is of its heads: they count in
  /// the error, but not in rankings and correlations. Empty: none is.
  std::vector<bool> sums;
  Table claimed, truth;
  Table total, direct;  ///< effects for comparison; empty where they are not known
  Table rank_ties;      ///< largest distance of a right rank from the truth; empty: 0
  double gap = 1;       ///< unit of effects, logits
  Table directions;     ///< planted directions, in a table of features
  Table tokens;  ///< of features: each token that has one, less the constant, as `directions`
  std::size_t candidates = 0;     ///< number of directions that the planted ones were matched with
  std::vector<double> corrupted;  ///< of edges: the metric of no edge at all, one a prompt
  std::optional<std::int64_t> answer_layer;

  /// Whether an item counts in rankings and correlations.
  bool is_ranked(std::size_t item) const { return sums.empty() || !sums[item]; }
  std::size_t prompts() const { return truth.empty() ? 0 : truth.front().size(); }
};

/// Metrics of the chosen prompts, in the order of `metric_names`.
/// \param prompts  indices, perhaps with repetitions
std::vector<double> metrics_of(const ItemTable& table, const std::vector<std::size_t>& prompts);
/// Metrics of all prompts.
std::vector<double> metrics_of(const ItemTable& table);

/// Mean of each row over the chosen prompts without NaN; NaN for a row of NaN alone.
std::vector<double> means_over(const Table& table, const std::vector<std::size_t>& prompts);
/// Indices 0 to n - 1.
std::vector<std::size_t> all_of(std::size_t n);

}  // namespace lensbench::grading
