#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <vector>

namespace circuit_discovery {

/// Adds to a table what the circuits of all measuring cases give together: `circuit_metric`,
/// `faithfulness` [ranking, proportion], `random_faithfulness` [proportion, draw], `cpr`, `cmd`,
/// with percentile intervals over cases. Each faithfulness is a ratio of means over cases. \param
/// runs     what the measuring cases saved \param shares   shares of the edges, rising \param
/// min_gap  least difference of the mean metrics of all edges and of no edge
void add_faithfulness(lensbench::Dataset& table, const std::vector<lensbench::Dataset>& runs,
                      const std::vector<double>& shares, double min_gap, std::uint64_t seed);

}  // namespace circuit_discovery
