#pragma once

#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

#include "capacity.hpp"
#include "spread.hpp"
#include "stream.hpp"
#include "texts.hpp"

namespace lensbench::geometry {

/// Adds the spread of a point, its receipt, and the axes `principal` and `outlier`.
void add_spread(Dataset& dataset, const Point& point, const std::vector<Spread>& spreads,
                const ResidualGeometryOptions& options);

/// Adds the capacities of a matrix whose rows have an axis of their own, and their receipt.
void add_capacity(Dataset& dataset, const std::string& name, const std::string& axis,
                  const Capacity& capacity);

/// Adds the capacities of the output rows of each block's neurons, and their receipt.
void add_neurons(Dataset& dataset, const std::vector<Capacity>& blocks);

}  // namespace lensbench::geometry
