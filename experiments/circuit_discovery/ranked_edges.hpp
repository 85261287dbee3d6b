#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <vector>

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

/// Edges from the best to the worst; equal ones keep their order.
/// \param values  [edge] float64
std::vector<std::int64_t> by_value(const at::Tensor& values);

/// Number of edges of a share: floor(share * edges), as the tool keeps them.
std::int64_t kept_of(double share, std::int64_t edges);

/// Circuits of the best edges by signed importance for every share, then by magnitude, then
/// `draws` circuits of random edges for every share, [circuit, edge] bool.
/// \param importance  [edge] float64, mean over cases
at::Tensor circuits_of(const at::Tensor& importance, const std::vector<double>& shares,
                       std::int64_t draws, std::uint64_t seed);

/// Jaccard index of the best edges of random samples of the cases and of all cases: mean over
/// samples, by share. Samples are drawn with replacement; NaN for a share without an edge, and for
/// fewer than two cases.
/// \param importance  [case, edge] float64
std::vector<double> stability_of(const at::Tensor& importance, const std::vector<double>& shares,
                                 std::int64_t samples, std::uint64_t seed);

}  // namespace circuit_discovery
