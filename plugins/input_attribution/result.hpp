#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/tools/input_attribution.hpp>
#include <optional>
#include <vector>

#include "methods.hpp"

namespace lensbench::inputs {

/// Values after the metric's position are not defined where later tokens cannot be seen.
at::Tensor up_to_position(const at::Tensor& values, const TransformerSpec& spec,
                          std::int64_t position);

/// What is computed for a prompt.
struct Attributions {
  at::Tensor attributions;               ///< [method, token]
  std::vector<double> gaps;              ///< by method; NaN: it does not promise completeness
  double of_input = 0, of_baseline = 0;  ///< metrics
  std::optional<RoutingJumps> jumps;     ///< of the integral, in a mixture of experts
};

void add_values(Dataset& dataset, const Question& q, const Attributions& found);

/// Adds the options by their names.
void add_attributes(Dataset& dataset, const MetricReader& reader,
                    const InputAttributionOptions& options);

}  // namespace lensbench::inputs
