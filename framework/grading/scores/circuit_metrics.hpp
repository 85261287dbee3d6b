#pragma once

#include <cstddef>
#include <vector>

#include "grading/scores/item_table.hpp"

namespace lensbench::grading {

/// CPR by size and by value, CMD, and CMD on a logarithmic axis; NaN in a table without circuits.
/// \param table  of edges, whose last items are circuits
std::vector<double> circuit_metrics(const ItemTable& table,
                                    const std::vector<std::size_t>& prompts);

}  // namespace lensbench::grading
