#pragma once

#include <lensbench/model.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tool.hpp>
#include <lensbench/tools/facts.hpp>

#include "plan.hpp"

namespace lensbench::facts {

/// Options by name.
FactsOptions options_of(const Parameters& parameters);

/// Checks options that typed calls may set to anything, and those that depend on the model.
/// \throws UsageError
void check_options(const Model& model, const FactsOptions& options);

/// Checks that a linear map can be fitted to a relation at least. \throws UsageError
void check_map(const FactsPlan& plan, const FactsOptions& options);

/// Number of items of work: prompts, traces, training subjects of maps.
std::int64_t work_items(const FactsPlan& plan, const FactsOptions& options);

/// Expected cost of a plan.
CostEstimate cost_of(const Model& model, const FactsPlan& plan, const FactsOptions& options);

}  // namespace lensbench::facts
