#pragma once

#include <cstddef>
#include <vector>

#include "grading/scores/item_table.hpp"

namespace lensbench::grading {

/// Rows of circuits in a table of edges.
struct CircuitPlaces {
  std::size_t chosen = 0;  ///< first row of `kCircuits`; the number of all rows: there are none
  std::size_t random =
      0;  ///< first row of `kRandomCircuits`; the number of all rows: there are none
};
CircuitPlaces circuit_places(const ItemTable& table);

/// CPR by size and by value, CMD, and CMD on a logarithmic axis; NaN in a table without circuits.
/// \param table  of edges, whose last items may be circuits
std::vector<double> circuit_metrics(const ItemTable& table,
                                    const std::vector<std::size_t>& prompts);

}  // namespace lensbench::grading
