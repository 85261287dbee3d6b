#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/runner.hpp"

namespace lensbench {

/// Expected cost for `/run`, with `null` for a number that is not known.
nlohmann::json expected_cost_json(const ExpectedCost& cost);

/// Description of it in one line.
/// \param cost             the value of `expected_cost_json`, also from an archive, where it may be
/// damaged \param available_bytes  memory that the process can use without swapping, bytes
std::string describe_expected_cost(
    const nlohmann::json& cost, double available_bytes = std::numeric_limits<double>::infinity());

}  // namespace lensbench
