#pragma once

#include <cstdint>

#include "grading/exact/exact_task.hpp"
#include "grading/scores/item_table.hpp"

namespace lensbench::grading {

/// Runs the circuits of a table of edges: of its best edges by size, and by value, as many as each
/// of `kCircuitShares` says. The metrics become the rows of the circuits.
void set_circuits(ItemTable& table, const ExactTask& task);

/// Runs the circuits of random orders of all edges, which are the same whatever a tool claims.
void set_random_circuits(ItemTable& table, const ExactTask& task, std::uint64_t seed);

}  // namespace lensbench::grading
