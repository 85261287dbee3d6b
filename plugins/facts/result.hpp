#pragma once

#include <lensbench/context.hpp>
#include <lensbench/dataset.hpp>
#include <vector>

#include "measures.hpp"
#include "recall.hpp"
#include "relation_map.hpp"

namespace lensbench::facts {

/// Everything that was found.
struct Answers {
  std::vector<PromptScores> scores;    ///< by prompt
  std::vector<FactMeasures> measures;  ///< by fact
  std::vector<Recall> recalls;         ///< by fact; empty without `trace`
  std::vector<MapResult> maps;         ///< by relation; empty without `relation_map`
};

/// Result of the tool, without receipts.
Dataset result_of(const Context& context, const FactsPlan& plan, const Answers& answers,
                  const FactsOptions& options);

}  // namespace lensbench::facts
