#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>

namespace circuit_discovery {

/// Scores of the cases that choose edges.
struct EdgeScores {
  lensbench::Dataset first;  ///< result of the first of them, for the names of edges
  at::Tensor importance;     ///< [case, edge] float64
};

/// Whether a case chooses edges; the others measure circuits.
inline bool chooses(std::int64_t case_number) {
  return case_number % 2 == 0;
}

/// Reads the scores that the choosing cases saved. \throws RunError if none of them completed
EdgeScores scores_of(const lensbench::Summary& summary);

}  // namespace circuit_discovery
