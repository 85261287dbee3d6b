#pragma once

#include "grading/exact/exact_task.hpp"
#include "grading/scores/item_table.hpp"

namespace lensbench::grading {

/// Runs the circuits of a table of edges: of its best edges by size, and by value, as many as each
/// of `kCircuitShares` says. The metrics become the rows of the circuits.
void set_circuits(ItemTable& table, const ExactTask& task);

}  // namespace lensbench::grading
