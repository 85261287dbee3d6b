#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/tools/attention.hpp>

#include "observer.hpp"

namespace lensbench::attention {

/// Adds scores of detectors, measures, patterns and flow.
void add_observation(Dataset& dataset, const ObservationPlan& plan, const Observation& seen,
                     std::int64_t n_tokens);

/// Adds the options by their names.
void add_attributes(Dataset& dataset, const AttentionOptions& options, const ObservationPlan& plan);

void add_receipts(Dataset& dataset, const ObservationPlan& plan, const Observation& seen);

}  // namespace lensbench::attention
