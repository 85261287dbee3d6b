#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>

namespace probing_experiment {

/// The table of all cases: how well each point is read on the fitting half, and what the chosen
/// probe reads and changes on the measuring half.
lensbench::Dataset table_of(const lensbench::Summary& summary);

}  // namespace probing_experiment
