#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/hypothesis.hpp>
#include <limits>
#include <string>
#include <vector>

#include "facts.hpp"

namespace factual_recall_tracing {

/// Number of something that a fact does not have.
inline constexpr double kNotThere = std::numeric_limits<double>::quiet_NaN();

/// Facts of a pass that the model completes with their object.
std::vector<std::int64_t> known_facts(const lensbench::Summary& cases);

/// What is averaged over facts: effects [corruption, kind, role, block], then total effects and
/// control [corruption], then the agreement [kind].
struct Traces {
  std::vector<std::vector<double>> numbers;  ///< [fact][number]
  std::vector<std::string> corruptions, kinds;
  std::int64_t n_blocks = 0;
  std::vector<std::int64_t> facts_with_role;  ///< number of facts with each of `kRoles`

  std::int64_t n_corruptions() const { return std::ssize(corruptions); }
  std::int64_t n_kinds() const { return std::ssize(kinds); }
  std::int64_t n_rows() const { return n_corruptions() * n_kinds() * std::ssize(kRoles); }
  std::size_t total_at() const { return static_cast<std::size_t>(n_rows() * n_blocks); }
  std::size_t control_at() const { return total_at() + corruptions.size(); }
  std::size_t agreement_at() const { return control_at() + corruptions.size(); }
};

/// Numbers of the traced facts. \param facts  numbers of their cases, at least one
Traces traces_of(const lensbench::Summary& cases, const std::vector<std::int64_t>& facts);

/// Adds the share of facts that the model knows, and the layer at which the lens settles on those.
void add_known(lensbench::Dataset& table, const lensbench::Summary& summary);

/// Adds what the facts say, in words, where none is known.
void add_no_finding(lensbench::Dataset& table, std::size_t n_facts);

/// Adds what the facts say, in words.
/// \param table    has what `add_known` adds
/// \param n_facts  number of all facts
/// \param traces   the traced ones
/// \param found    their numbers
void add_findings(lensbench::Dataset& table, std::size_t n_facts, const Traces& traces,
                  const lensbench::statistics::Bootstrap& found);

/// Adds total effects, their control and the agreement of the corruptions.
void add_totals(lensbench::Dataset& table, const Traces& traces,
                const lensbench::statistics::Bootstrap& found,
                const lensbench::statistics::Resampling& resampling);

/// Effects of one corruption over all facts.
lensbench::Dataset effects_of(const Traces& traces, std::int64_t corruption,
                              const lensbench::statistics::Bootstrap& found,
                              const lensbench::statistics::Resampling& resampling);

}  // namespace factual_recall_tracing
