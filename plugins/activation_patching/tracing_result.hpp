#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/tools/causal_tracing.hpp>
#include <string>

#include "tracing_sweep.hpp"

namespace lensbench::tracing {

void add_scalar(Dataset& dataset, const char* name, double value, const char* long_name);

/// Adds the tokens of the subject. \param flags  [token], 1 or true at them
void add_subject(Dataset& dataset, const at::Tensor& flags, const std::string& long_name);

/// Adds the effects of all restorations, and the probabilities of the runs.
void add_trace(Dataset& dataset, const Model& model, const Trace& trace,
               const CausalTracingOptions& options);

/// Adds the options by their names.
void add_options(Dataset& dataset, const MetricReader& reader, const std::string& corruption,
                 const CausalTracingOptions& options);

}  // namespace lensbench::tracing
