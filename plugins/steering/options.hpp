#pragma once

#include <lensbench/tools/steering.hpp>
#include <string>
#include <vector>

#include "formula.hpp"

namespace lensbench::steering {

/// Grid, metric and texts of a request.
SteeringOptions options_of(const Model& model, const Parameters& parameters);

/// Strengths of the options, or the default ones of the mode.
/// \throws UsageError for a grid without 0, a strength that is given twice or not finite
std::vector<double> checked_alphas(const SteeringOptions& options);

/// Tokens that are steered. \throws UsageError for a position outside a prompt of this length, a
/// position that is given twice, positions together with `where`
SteeredTokens checked_tokens(const SteeringOptions& options, std::int64_t length);

/// Checks the other options. \param length  tokens of the prompt
void check_options(const Model& model, const SteeringOptions& options, std::int64_t length);

/// Checks that exactly one source of a direction is given, and that nothing is given without use.
void check_sources(const Parameters& parameters);

}  // namespace lensbench::steering
