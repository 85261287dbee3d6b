#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan.hpp"
#include "scores.hpp"

namespace lensbench::facts {

/// Numbers of a fact in one template.
struct TemplateMeasures {
  double log_probability = 0, prior = 0, margin = 0;  ///< nats
  std::int64_t rank = 0, candidate_rank = 0;
  bool asserted = false;
  double lift() const { return log_probability - prior; }
};

/// Numbers of a fact: means over its templates, lower medians of ranks.
struct FactMeasures {
  std::vector<TemplateMeasures> templates;
  double log_probability = 0, prior = 0, lift = 0, margin = 0, agreement = 0;
  std::int64_t rank = 0, candidate_rank = 0;
  bool asserted = false;
  /// Mean log-probabilities of the object and, after it, of the other candidates.
  std::vector<double> candidates;
};

FactMeasures measure(const PlannedFact& fact, const std::vector<PromptScores>& scores,
                     const FactsOptions& options);

/// Subjects and objects, each text once, and the edges of the facts.
struct Graph {
  std::vector<std::string> nodes;
  std::vector<std::int64_t> subject, object;        ///< nodes of each fact
  std::vector<std::int64_t> out_degree, in_degree;  ///< asserted facts of each node
};

Graph graph_of(const FactsPlan& plan, const std::vector<FactMeasures>& measures);

/// Share of pairs of a fact and its inverse that agree, for each relation; NaN without pairs.
std::vector<double> consistencies(const FactsPlan& plan, const std::vector<FactMeasures>& measures);

/// Share of the facts of each relation that are asserted.
std::vector<double> asserted_shares(const FactsPlan& plan,
                                    const std::vector<FactMeasures>& measures);

/// Number of facts none of whose neutral prompts differs from its own in tokens.
std::int64_t facts_without_neutral(const FactsPlan& plan);

}  // namespace lensbench::facts
