#include "ranked_edges.hpp"

#include <ATen/ops/stack.h>

#include <lensbench/error.hpp>
#include <utility>

namespace circuit_discovery {

using namespace lensbench;

EdgeScores scores_of(const Summary& summary) {
  EdgeScores scores;
  std::vector<at::Tensor> rows;
  for (const std::int64_t number : summary.cases()) {
    if (!chooses(number)) continue;
    Dataset one = summary.dataset(number, "edges");
    rows.push_back(one["importance"].tensor);
    if (rows.size() == 1) scores.first = std::move(one);
  }
  if (rows.empty())
    throw RunError(
        "circuit_discovery: none of the cases that choose edges (the first, the third, …) "
        "completed; their errors are above");
  scores.importance = at::stack(rows);
  return scores;
}

}  // namespace circuit_discovery
